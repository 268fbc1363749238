/** Which records a selection takes. Pure. */
import type { Result } from "../../../libs/shared/events/flow.ts";
import { ORIGIN_HEADER } from "../../../libs/shared/events/headers.ts";
import { originOf } from "../../../libs/shared/events/origin.ts";
import { roundOf } from "../../../libs/shared/events/redelivery.ts";
import type { KeptClaim } from "../../../libs/shared/postgres/results.ts";
import type { Selection } from "../../../libs/shared/replay/replay.ts";
import type { Ended, Identified } from "./identity.ts";

/**
 * By what the record itself tells. What the pipeline asks of itself, and what replays sent, is left out unless its tenant is named.
 * @param ids of the selection.
 */
export function isWanted(selection: Selection, ids: ReadonlySet<string> | undefined, one: Identified): boolean {
  const { tenant, label } = selection;
  if (tenant === undefined ? one.internal : tenant !== one.tenant) return false;
  if (ids !== undefined && !ids.has(one.id)) return false;
  return Object.entries(label ?? {}).every(([name, value]) => pairOf(one.metadata, name) === value);
}

/** Whether anything is asked about how a request ended. */
export function asksOfEnd({ status, tier, model, error_code }: Selection): boolean {
  return [status, tier, model, error_code].some((wanted) => wanted !== undefined && wanted.length > 0);
}

/** By how it ended; with nothing known of that, only where nothing is asked about it. */
export function hasEnded(selection: Selection, ended: Pick<Result, "status" | "route" | "error"> | undefined): boolean {
  const { status, tier, model, error_code } = selection;
  return (
    isAmong(status, ended?.status) &&
    isAmong(tier, ended?.route?.tier) &&
    isAmong(model, ended?.route?.model) &&
    isAmong(error_code, ended?.error?.code)
  );
}

/**
 * Whether the record is the one that the Result came from. A request may have been sent more than once, and an outcome written more than
 * once; only one of each counted, and a replay that took the others too would give more than one Result for an id (I1). Between services a
 * request that was tried again in later rounds stands once for each: the first one counts.
 * @param origin of the row: where the request stands that was answered.
 */
export function isTheOne(one: Identified, claim: KeptClaim | undefined, origin: string | null | undefined): boolean {
  const { source } = one;
  if (one.kind === "outcome" && claim !== undefined) {
    return claim.topic === source.topic && claim.partition === source.partition && claim.offset === source.offset;
  }
  if ((one.kind === "admitted" || one.kind === "job") && roundOf(one.headers) > 0) return false;
  const answered = origin == null ? undefined : originOf({ [ORIGIN_HEADER]: origin });
  if (one.origin === undefined || answered === undefined) return true;
  const { topic, partition, offset } = one.origin;
  return answered.topic === topic && answered.partition === partition && answered.offset === offset;
}

/** What a selection may ask about, of an outcome or a Result. */
export function endedAs({ head }: Ended): Pick<Result, "status" | "route" | "error"> {
  return head;
}

function isAmong(wanted: readonly string[] | undefined, value: string | undefined): boolean {
  return wanted === undefined || wanted.length === 0 || (value !== undefined && wanted.includes(value));
}

function pairOf(metadata: Identified["metadata"], name: string): unknown {
  return metadata !== undefined && Object.hasOwn(metadata, name) ? metadata[name] : undefined;
}
