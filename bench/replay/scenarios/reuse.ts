/** Recorded answers once more: how fast, and that a run killed twice leaves each record exactly one Result, no call and no charge. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { PostgresReplayStore } from "../../../libs/shared/replay/postgres-store.ts";
import type { Figure } from "../../support/report.ts";
import type { Shown } from "../cli.ts";
import { floorOf } from "../floor.ts";
import { askedOnce } from "../requests.ts";
import type { Asked, Bench, ReplayStack, Scenario } from "../stack.ts";

const RECORDS = 10_000;
/** Every so many requests one has a callback: were anybody told, there would be more deliveries. */
const CALLBACK_EVERY = 100;
const NOBODY = "http://127.0.0.1:9/callback";
const PER_S_MIN = 5_000;
const CHUNK = 1_000;
const LOOK_MS = 10;
/** Of the records, what is written when the run is killed. */
const KILLED_AT = [0.2, 0.6] as const;

export const reuse: Scenario = {
  name: "reuse",
  summary: `${RECORDS} recorded requests with their recorded answers: records a second, beside bare reading and writing; killed twice`,
  seconds: 0,
  async run(bench) {
    const stack = await bench.start({
      sections: { cache: { exact: { enabled: false }, semantic: { enabled: false } }, webhooks: WEBHOOKS },
    });
    const ids = await record(stack, bench);
    const before = await kept(stack);
    const preview_from_ms = performance.now();
    const fast = await stack.sluice.replay([]);
    const preview_ms = performance.now() - preview_from_ms;
    bench.say("runs through once");
    const { run_ms, process_ms } = await runThrough(stack, fast);
    const floor = await floorOf(stack, fast.topic, "bench.floor");
    bench.say("runs, and is killed twice");
    const killed = await killedTwice(stack, bench);
    const after = await kept(stack);
    const once_ratio = Math.min(await exactlyOnce(stack, ids, fast.topic), await exactlyOnce(stack, ids, killed.topic));
    return [
      {
        ...{
          name: "records a second, run phase",
          value: RECORDS / (run_ms / 1_000),
          unit: "/s",
          target: { at_least: PER_S_MIN },
        },
        beside: { name: "read and write alone", value: floor },
      },
      { name: "records a second, the whole process", value: RECORDS / (process_ms / 1_000), unit: "/s" },
      { name: "preview, the whole process", value: preview_ms / 1_000, unit: "s" },
      {
        name: "records with exactly one Result, run once and killed twice",
        value: once_ratio * RECORDS,
        unit: "",
        target: { at_least: RECORDS },
      },
      ...(["calls", "usage", "deliveries", "counters"] as const).map((name) =>
        unchanged(NAMES[name], before[name], after[name]),
      ),
    ];
  },
};

const WEBHOOKS = { allow_http: true, allow_networks: ["127.0.0.0/8"] };

async function record(stack: ReplayStack, { say, signal }: Bench): Promise<readonly string[]> {
  const requests = Array.from({ length: RECORDS }, (_, at): Asked => {
    const asked = askedOnce(`r${at}`, at, 40);
    return at % CALLBACK_EVERY === 0 ? { ...asked, callback: { url: NOBODY } } : asked;
  });
  say(`records ${RECORDS} requests`);
  for (let at = 0; at < RECORDS; at += CHUNK) await stack.produce(requests.slice(at, at + CHUNK));
  const ids = requests.map(({ id }) => id);
  await stack.resultsOf(ids, signal);
  await quiet(stack);
  return ids;
}

/** Until the ledger and the deliveries stand still. */
async function quiet(stack: ReplayStack): Promise<void> {
  for (let last = ""; ; ) {
    await sleep(2_000);
    const now = JSON.stringify(await kept(stack));
    if (now === last) return;
    last = now;
  }
}

const NAMES = {
  calls: "calls of the model",
  usage: "entries in the ledger",
  deliveries: "deliveries to webhooks",
  counters: "settled by the budgets' counters, micro-dollars",
} as const;

type Kept = Readonly<Record<keyof typeof NAMES, number>>;

async function kept(stack: ReplayStack): Promise<Kept> {
  const { rows } = await stack.pool.query<{ count: number }>("SELECT count(*)::int FROM sluice_deliveries");
  const { out } = await stack.sluice.run("budget", "show", "demo", "--json");
  const { scopes } = JSON.parse(out) as { scopes: readonly { settled_usd: number; reserved_usd: number }[] };
  const counters = scopes.reduce((sum, { settled_usd, reserved_usd }) => sum + settled_usd + reserved_usd, 0) * 1e6;
  const { calls } = await stack.mock();
  return {
    calls,
    usage: await stack.end(stack.names.usage),
    deliveries: rows[0]?.count ?? 0,
    counters: Math.round(counters),
  };
}

function unchanged(name: string, before: number, after: number): Figure {
  return {
    name: `${name}: more than before`,
    value: after - before,
    unit: "",
    target: { at_most: 0 },
    beside: { name: "before", value: before },
  };
}

/** The run phase is from when it is written down as running to when it has ended. */
async function runThrough(stack: ReplayStack, { id }: Shown): Promise<{ run_ms: number; process_ms: number }> {
  const store = new PostgresReplayStore(stack.pool);
  const from_ms = performance.now();
  let began_ms: number | undefined;
  const running = stack.sluice.replay(["resume", id]);
  const ended = running.then(() => true);
  while (began_ms === undefined && !(await Promise.race([ended, sleep(LOOK_MS)]))) {
    const replay = await store.find(id);
    if (replay?.status === "running") began_ms = replay.updated_ms;
  }
  const { ended_ms } = await running;
  const process_ms = performance.now() - from_ms;
  return { run_ms: (ended_ms ?? Number.NaN) - (began_ms ?? Number.NaN), process_ms };
}

async function killedTwice(stack: ReplayStack, { signal, say }: Bench): Promise<Shown> {
  const asked = await stack.sluice.replay([]);
  for (const part of KILLED_AT) {
    const child = stack.sluice.start("replay", "resume", asked.id, "--json");
    const closed = once(child, "close");
    while ((await stack.end(asked.topic).catch(() => 0)) < part * RECORDS) {
      signal.throwIfAborted();
      if (child.exitCode !== null) throw new Error("the replay ended before it was killed");
      await sleep(LOOK_MS);
    }
    child.kill("SIGKILL");
    await closed;
    say(`killed with ${(await stack.resultsOn(asked.topic)).length} Results written`);
  }
  return stack.sluice.replay(["resume", asked.id]);
}

/** @returns the part of the ids with exactly one Result there; 0 where there is one of another id. */
async function exactlyOnce(stack: ReplayStack, ids: readonly string[], topic: string): Promise<number> {
  const counts = new Map<string, number>();
  for (const { id } of await stack.resultsOn(topic)) counts.set(id, (counts.get(id) ?? 0) + 1);
  if (counts.size > ids.length) return 0;
  return ids.filter((id) => counts.get(id) === 1).length / ids.length;
}
