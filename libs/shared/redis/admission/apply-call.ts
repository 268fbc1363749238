/** A ledger entry as the script's keys and arguments, and its reply as a result. Pure. */
import type { Applied, ApplyContext, ApplyResult } from "../../budgets/admission-store.ts";
import { VELOCITY_SLOTS } from "../../budgets/slot-window.ts";
import { counterExpires_ms } from "../../budgets/store-names.ts";
import type { AdmissionStoreOptions } from "../../budgets/store-options.ts";
import { seenKey } from "../job-keys.ts";
import type { GlobalUse } from "./global-call.ts";
import type { Homes } from "./homes.ts";
import {
  appliedKey,
  counterKey,
  epochKey,
  globalRateKey,
  holdKey,
  holdsKey,
  inFlightKey,
  rateBaseKey,
  trippedKey,
  velocityKey,
} from "./keys.ts";
import { alertTexts, type Call, crossingsOf, type Life, lifeText, type Stale } from "./reserve-call.ts";

export type ApplyCall = Call & { readonly applied: Applied & ApplyContext };

export function applyCall(
  applied: Applied & ApplyContext,
  context: {
    readonly life: Life;
    readonly now_ms: number;
    readonly options: AdmissionStoreOptions;
    readonly homes: Homes;
  },
): ApplyCall {
  const { entry, velocity } = applied;
  const { life, now_ms, options, homes } = context;
  const { tenant, id, counters, hold_id, reserved_nusd, at_ms, expires_ms } = entry;
  const home = homes.of(tenant);
  const isElsewhere = homes.global() !== undefined;
  const keys = [
    epochKey(home),
    appliedKey(life.epoch, home),
    holdKey(life.epoch, tenant, id),
    holdsKey(life.epoch, home),
    seenKey(tenant, id),
    inFlightKey(life.epoch, tenant),
    trippedKey(tenant),
    velocityKey(tenant),
    // Elsewhere, what changes there is told instead.
    isElsewhere ? rateBaseKey(tenant) : globalRateKey(""),
    rateBaseKey(tenant),
    ...counters.map((counter) => counterKey(life.epoch, tenant, counter)),
  ];
  const argument = {
    life: lifeText(life),
    partition: String(applied.partition),
    offset: applied.offset,
    floor: life.floors?.get(String(applied.partition)),
    global_elsewhere: isElsewhere,
    kind: entry.kind,
    is_present: entry.epoch === life.epoch,
    member: `${tenant}/${id}`,
    hold_id,
    reserved: reserved_nusd,
    settled: entry.settled_nusd,
    at_ms,
    expires_ms,
    used: entry.tokens?.used,
    seen:
      entry.content_hash === undefined || entry.place === undefined
        ? undefined
        : `${entry.content_hash} ${entry.place}`,
    seen_ttl_ms: options.seen_ttl_ms,
    alert_at: alertTexts(options.alert_at),
    counters: counters.map((counter) => ({
      cap: applied.caps_nusd[counter.scope],
      // Windows end when they end; a session lasts from when it last moved.
      lasts_ms: counter.scope === "session" ? options.session_ttl_ms : undefined,
      expires_ms: counterExpires_ms(counter, now_ms, options.session_ttl_ms),
    })),
    velocity:
      velocity === undefined
        ? undefined
        : { slot_ms: Math.ceil((velocity.window_s * 1000) / VELOCITY_SLOTS), limit: velocity.usd_nusd },
  };
  const tokens = entry.tokens?.reserved ?? 0;
  const hold = { hold_id, reserved_nusd, tokens, counters, at_ms, expires_ms: expires_ms ?? now_ms, rates: [] };
  return { keys, args: [JSON.stringify(argument), JSON.stringify(hold)], applied };
}

export function applyResult({ applied }: ApplyCall, reply: readonly unknown[]): ApplyResult | Stale {
  const [kind, , tripped, flat] = reply as [string, number, number, unknown[]];
  if (kind === "epoch") return { stale: kind };
  if (kind === "skipped") return { kind };
  if (kind !== "applied") throw new Error(`unknown reply of the ledger's script: ${kind}`);
  const { entry, caps_nusd } = applied;
  const crossings = crossingsOf(entry.tenant, entry.counters, caps_nusd, flat);
  return { kind, crossings, tripped: tripped === 1 };
}

/** What the end of a hold changes in the global limits, where the script could not do it. */
export function globalUseOf(reply: readonly unknown[]): GlobalUse | undefined {
  const use = reply[4] as [string, string, string] | undefined;
  if (use === undefined || use === null) return undefined;
  const [charged, at_ms, tokens] = use;
  return { bucket: charged === "b", at_ms: Number(at_ms), requests: 0, tokens: Number(tokens) };
}
