/** A snapshot of the counters as Redis commands under a new epoch's names. Pure. */
import type { Snapshot } from "../../budgets/admission-store.ts";
import { RATE_SLOT_MS, RATE_SLOTS } from "../../budgets/slot-window.ts";
import { counterExpires_ms, DAY_MS, dayOf, rateName, rateSubjectsOf } from "../../budgets/store-names.ts";
import { seenKey } from "../job-keys.ts";
import type { Homes } from "./homes.ts";
import { appliedKey, counterKey, holdKey, holdsKey, inFlightKey, quotaKey, rateKey } from "./keys.ts";
import { chargedText } from "./reserve-call.ts";

/** Name of the command, then its arguments. */
export type Write = readonly [string, ...string[]];

export type WriteContext = {
  readonly epoch: string;
  /** The server's. */
  readonly now_ms: number;
  readonly seen_ttl_ms: number;
  readonly session_ttl_ms: number;
  readonly homes: Homes;
};

const RATE_TTL_MS = 120_000;
const QUOTA_KEPT_MS = 3_600_000;

export function* snapshotWrites(snapshot: Snapshot, context: WriteContext): Generator<Write> {
  const { epoch, now_ms, seen_ttl_ms, session_ttl_ms } = context;
  for (const { tenant, counter, reserved_nusd, settled_nusd } of snapshot.counters) {
    const key = counterKey(epoch, tenant, counter);
    yield ["hset", key, "r", String(reserved_nusd), "s", String(settled_nusd)];
    yield ["pexpireat", key, String(counterExpires_ms(counter, now_ms, session_ttl_ms))];
  }
  yield* holdWrites(snapshot, context);
  for (const { tenant, id, content_hash, place, settled } of snapshot.seen) {
    const text = `${content_hash} ${place}${settled ? " s" : ""}`;
    yield ["set", seenKey(tenant, id), text, "px", String(seen_ttl_ms)];
  }
  yield* rateWrites(snapshot, now_ms, context.homes.global() ?? "");
  const applied = appliedKey(epoch, context.homes.main);
  for (const [partition, offset] of snapshot.applied) yield ["hset", applied, String(partition), offset];
}

function* holdWrites({ holds }: Snapshot, { epoch, now_ms, homes }: WriteContext): Generator<Write> {
  const inFlight = new Map<string, number>();
  for (const { tenant, id, reservation, expires_ms, user, key_id } of holds) {
    const isRecent = now_ms - reservation.at_ms <= RATE_SLOT_MS * RATE_SLOTS;
    const subjects = isRecent ? rateSubjectsOf({ user, key_id }) : [];
    const rates = subjects.map((subject) => chargedText("sliding_window", rateName(subject)));
    yield ["set", holdKey(epoch, tenant, id), JSON.stringify({ ...reservation, expires_ms, rates })];
    yield ["zadd", holdsKey(epoch, homes.of(tenant)), String(expires_ms), `${tenant}/${id}`];
    inFlight.set(tenant, (inFlight.get(tenant) ?? 0) + 1);
  }
  for (const [tenant, count] of inFlight) yield ["set", inFlightKey(epoch, tenant), String(count)];
}

type Slots = Map<number, { requests: number; tokens: number }>;

/** Of whom the ledger knows, all anew; the others keep what they have. */
function* rateWrites({ rates }: Snapshot, now_ms: number, global_home: string): Generator<Write> {
  const quotas = new Map<string, number>();
  const windows = new Map<string, Slots>();
  const newest = Math.floor(now_ms / RATE_SLOT_MS);
  for (const { tenant, user, key_id, at_ms, tokens } of rates) {
    const slot = Math.min(newest, Math.floor(at_ms / RATE_SLOT_MS));
    for (const subject of rateSubjectsOf({ user, key_id })) {
      const quota = quotaKey(tenant, subject, dayOf(now_ms), global_home);
      if (dayOf(at_ms) === dayOf(now_ms)) quotas.set(quota, (quotas.get(quota) ?? 0) + 1);
      const key = rateKey(tenant, subject, global_home);
      const slots: Slots = windows.get(key) ?? new Map();
      windows.set(key, slots);
      if (slot < newest - RATE_SLOTS) continue;
      const amounts = slots.get(slot) ?? { requests: 0, tokens: 0 };
      slots.set(slot, { requests: amounts.requests + 1, tokens: amounts.tokens + tokens });
    }
  }
  const quota_ttl_ms = (dayOf(now_ms) + 1) * DAY_MS - now_ms + QUOTA_KEPT_MS;
  for (const [key, count] of quotas) yield ["set", key, String(count), "px", String(quota_ttl_ms)];
  for (const [key, slots] of windows) {
    yield ["del", key];
    if (slots.size === 0) continue;
    const amounts = [...slots.values()];
    const sums = [
      amounts.reduce((sum, one) => sum + one.requests, 0),
      amounts.reduce((sum, one) => sum + one.tokens, 0),
    ];
    const fields = [...slots].flatMap(([slot, { requests, tokens }]) => [`q${slot}`, requests, `t${slot}`, tokens]);
    const oldest = Math.min(...slots.keys());
    yield ["hset", key, ...["Q", sums[0], "T", sums[1], "o", oldest, ...fields].map(String)];
    yield ["pexpire", key, String(RATE_TTL_MS)];
  }
}
