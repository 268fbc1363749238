/**
 * One of the processes of the scenario `rates`: asks for far more than the limits let through, settles what was admitted when its
 * answer would have ended, and tells the parent of all of it at the end. Arguments: Redis URL, its number, when to begin and end
 * (epoch ms).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Applied, ApplyContext } from "../../../libs/shared/budgets/admission-store.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../../libs/shared/redis/client.ts";
import { KEY_PREFIX } from "../../support/redis.ts";
import { settledEntry } from "../asks.ts";
import { storeOn } from "../stack.ts";
import { RATE_TENANTS, rateAsk } from "./tenants.ts";

/** By Redis's clock when it was admitted, by this process's (on the same machine) when it settled. */
export type Admission = {
  readonly tenant: string;
  readonly at_ms: number;
  readonly settled_ms: number;
  readonly reserved_tokens: number;
  readonly used_tokens: number;
};

export type WorkerReport = { readonly admissions: readonly Admission[]; readonly asked: number };

const TICK_MS = 100;
const ASKS_PER_TICK = 2;
const READY_WAIT_MS = 5_000;
/** Asks of one process. */
const NUMBERS = 1_000_000_000;

const [url = "", number = "0", from_ms = "0", to_ms = "0"] = process.argv.slice(2);

type Due = { readonly due_ms: number; readonly applied: Applied & ApplyContext; readonly admission: Admission };

const redis = connectRedis(url, `rates-${number}`, silentLog, KEY_PREFIX);
await redisReady(redis, READY_WAIT_MS);
const store = storeOn(redis);
const admissions: Admission[] = [];
let open: Due[] = [];
let asked = 0;
let offset = 0;

await sleep(Math.max(0, Number(from_ms) - Date.now()));
while (Date.now() < Number(to_ms)) {
  const began_ms = Date.now();
  await settle(began_ms);
  await ask(began_ms);
  await sleep(Math.max(0, began_ms + TICK_MS - Date.now()));
}
await settle(Number.POSITIVE_INFINITY);
const report: WorkerReport = { admissions, asked };
process.send?.(report, () => process.exit(0));

async function ask(now_ms: number): Promise<void> {
  const wanted = RATE_TENANTS.flatMap((tenant) =>
    Array.from({ length: ASKS_PER_TICK }, () => {
      asked += 1;
      const at = Number(number) * NUMBERS + asked;
      return { tenant, at, ask: rateAsk(tenant, at, now_ms) };
    }),
  );
  const answers = await store.reserve(wanted.map((one) => one.ask));
  for (const [index, answer] of answers.entries()) {
    const one = wanted[index];
    if (one === undefined || answer.kind === "refused") continue;
    if (answer.kind !== "admitted") throw new Error(`unexpected answer: ${JSON.stringify(answer)}`);
    const { tenant, at } = one;
    const { reservation } = answer;
    const used_tokens = tenant.used_tokens(at);
    const due_ms = reservation.at_ms + tenant.answer_ms(at);
    const entry = settledEntry(one.ask, reservation, used_tokens);
    const applied = { partition: Number(number), offset: "", entry, caps_nusd: {} };
    open.push({
      due_ms,
      applied,
      admission: {
        tenant: tenant.name,
        at_ms: reservation.at_ms,
        settled_ms: 0,
        reserved_tokens: reservation.tokens,
        used_tokens,
      },
    });
  }
}

/** Applies what is due, in one batch. */
async function settle(now_ms: number): Promise<void> {
  const due = open.filter(({ due_ms }) => due_ms <= now_ms);
  if (due.length === 0) return;
  open = open.filter(({ due_ms }) => due_ms > now_ms);
  await store.apply(
    due.map(({ applied }) => {
      offset += 1;
      return { ...applied, offset: String(offset) };
    }),
  );
  const settled_ms = Date.now();
  for (const { admission } of due) admissions.push({ ...admission, settled_ms });
}
