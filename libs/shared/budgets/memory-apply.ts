/** What one entry of the ledger does to counters in memory. Time is an argument. */
import type { UsageEntry } from "../events/usage.ts";
import type { Applied, ApplyContext, ApplyResult } from "./admission-store.ts";
import type { MemoryState, Moved } from "./memory-state.ts";
import { SlotWindow, VELOCITY_SLOTS } from "./slot-window.ts";

/** Once, in order within a partition. */
export function applyEntry(
  state: MemoryState,
  { partition, offset, entry, ...context }: Applied & ApplyContext,
  now_ms: number,
): ApplyResult {
  if (state.epoch === undefined) return { kind: "lost" };
  const at = state.applied.get(partition);
  if (at !== undefined && BigInt(offset) <= at) return { kind: "skipped" };
  state.applied.set(partition, BigInt(offset));
  const moved = entry.kind === "reserved" ? reserveAgain(state, entry, now_ms) : endHold(state, entry, now_ms);
  if (moved === undefined) return { kind: "skipped" };
  const crossings = state.move(entry.tenant, entry.counters, moved, context.caps_nusd, now_ms);
  const tripped = entry.kind === "settled" && trips(state, entry, context, now_ms);
  return { kind: "applied", crossings, tripped };
}

/** What was reserved in an earlier life, and is not part of what was restored. */
function reserveAgain(state: MemoryState, entry: UsageEntry, now_ms: number): Moved | undefined {
  const tenant = state.tenant(entry.tenant);
  if (entry.epoch === state.epoch || tenant.holds.has(entry.id)) return undefined;
  const seen = tenant.seen.get(entry.id, now_ms);
  if (seen?.settled) return undefined;
  const { id, hold_id, reserved_nusd, counters, at_ms, content_hash, place, expires_ms } = entry;
  const reservation = { hold_id, reserved_nusd, tokens: entry.tokens?.reserved ?? 0, counters, at_ms };
  tenant.holds.set(id, { reservation, expires_ms: expires_ms ?? now_ms, charged: new Map() });
  if (seen === undefined && content_hash !== undefined && place !== undefined) {
    tenant.seen.set(id, { content_hash, place, settled: false }, now_ms + state.options.seen_ttl_ms);
  }
  return { reserved_nusd, settled_nusd: 0 };
}

/** What was settled, released or adjusted. */
function endHold(state: MemoryState, entry: UsageEntry, now_ms: number): Moved {
  const { id, kind } = entry;
  const settled_nusd = kind === "released" ? 0 : entry.settled_nusd;
  if (kind === "adjusted") return { reserved_nusd: 0, settled_nusd };
  const tenant = state.tenant(entry.tenant);
  const seen = tenant.seen.get(id, now_ms);
  if (seen !== undefined) seen.settled = true;
  const hold = tenant.holds.get(id);
  if (hold?.reservation.hold_id !== entry.hold_id) return { reserved_nusd: 0, settled_nusd };
  tenant.holds.delete(id);
  const used = entry.tokens?.used ?? (kind === "released" ? 0 : hold.reservation.tokens);
  const { at_ms, tokens, reserved_nusd } = hold.reservation;
  for (const [rates, as] of hold.charged) rates.correct(as, at_ms, used - tokens, now_ms);
  return { reserved_nusd: -reserved_nusd, settled_nusd };
}

function trips(state: MemoryState, entry: UsageEntry, { velocity }: ApplyContext, now_ms: number): boolean {
  if (velocity === undefined) return false;
  const tenant = state.tenant(entry.tenant);
  const slot_ms = Math.ceil((velocity.window_s * 1000) / VELOCITY_SLOTS);
  if (tenant.velocity?.slot_ms !== slot_ms) tenant.velocity = new SlotWindow(slot_ms, VELOCITY_SLOTS);
  tenant.velocity.add(entry.at_ms, entry.settled_nusd, now_ms);
  if (tenant.trip !== undefined || tenant.velocity.sum(now_ms) <= velocity.usd_nusd) return false;
  tenant.trip = { limit_nusd: velocity.usd_nusd, at_ms: now_ms };
  return true;
}
