/** Reads one record: what it asks for, whose it is, and what it needs of the counters. */
import type { Ask, Needs } from "../../libs/shared/budgets/admission-store.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import { TENANT_HEADER } from "../../libs/shared/events/headers.ts";
import { originOf } from "../../libs/shared/events/origin.ts";
import { dueOf } from "../../libs/shared/events/redelivery.ts";
import type { ReplayMark } from "../../libs/shared/events/replay.ts";
import { isInternalTenant } from "../../libs/shared/events/shadow.ts";
import { shadowOf } from "../../libs/shared/events/shadow-requests.ts";
import { BATCH_SUFFIX } from "../../libs/shared/events/topics.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { idempotencyHash } from "../../libs/shared/redis/idempotency.ts";
import type { CallbackCheck } from "../../libs/shared/webhooks/url-rules.ts";
import { type Admission, type Arrival, admit, toldOf } from "./admission.ts";
import { redriveOf } from "./redrives.ts";
import type { Terms } from "./terms.ts";

export type Admitted = Extract<Admission, { kind: "admit" }>;
export type Refused = Extract<Admission, { kind: "refuse" }>;

export type ReadingDeps = {
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly knowsTenant: (tenant: string) => boolean;
  /** By the tenant's plan. */
  readonly terms: (admitted: Admitted, record: InRecord) => Terms;
  /** Whether the record's authenticated producer may name the tenant; a word on why not. */
  readonly principalProblem: (record: InRecord, tenant: string) => ResultError | undefined;
  /** A word on why the request's callback cannot be called. Left out: any may. */
  readonly callbackProblem?: CallbackCheck;
  /** Records come from a retry topic or from `llm.deferred`: place, times and rounds are those that their headers tell, and
   *  deadlines are looked at now. */
  readonly reentry: boolean;
};

export type Unreadable = { readonly record: InRecord; readonly code: string; readonly message: string };

export type Judged = {
  readonly record: InRecord;
  readonly arrival: Arrival;
  /** The request as it came. */
  readonly request: Buffer;
  readonly admission: Admission;
  /** Of an admission: what it needs. */
  readonly needs?: Needs;
  /** Where `needs.lower_nusd` may be what is reserved: the one tier that it suffices for. */
  readonly lower_tiers?: readonly string[];
};

export async function readRecord(deps: ReadingDeps, record: InRecord): Promise<Judged | Unreadable> {
  const decoded = await deps.codec.decode(record);
  if (decoded.kind === "unreadable") return { record, code: decoded.code, message: decoded.message };
  let json: unknown;
  try {
    json = JSON.parse(decoded.payload.toString());
  } catch (error) {
    return { record, code: "not_json", message: `the value is not JSON: ${(error as Error).message}` };
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { record, code: "not_json", message: "the value is not a JSON object" };
  }
  return judge(deps, record, decoded.payload, json as Record<string, unknown>);
}

/** @param request as it came. @param json the same, parsed. */
export function judge(
  deps: Omit<ReadingDeps, "codec">,
  record: InRecord,
  request: Buffer,
  json: Record<string, unknown>,
): Judged {
  const { reentry, knowsTenant } = deps;
  const arrival: Arrival = (reentry ? originOf(record.headers) : undefined) ?? record;
  const lane = arrival.topic.endsWith(BATCH_SUFFIX) ? "batch" : "interactive";
  const admission = admit(json, arrival, { now_ms: deps.clock.now_ms(), knowsTenant, lane, reentry });
  const base = { record, arrival, request };
  if (admission.kind === "refuse") return { ...base, admission };
  const { tenant } = admission.identity;
  const shadow = shadowOf(record.headers, tenant);
  const problem = shadow === undefined ? internalProblem(tenant) : undefined;
  // Only ingest names the tenant on what waits, once it was let in: who sent it does not travel along.
  const was_let_in = reentry && record.headers[TENANT_HEADER] === tenant;
  const stranger = was_let_in ? undefined : deps.principalProblem(record, tenant);
  const refusal = problem ?? stranger ?? callbackRefused(deps, admission.head);
  if (refusal !== undefined) return { ...base, admission: refused(admission, refusal) };
  const replay = redriveOf(record.headers, admission.identity);
  const terms = deps.terms(admission, record);
  if (terms.kind === "refused") return { ...base, admission: refused(admission, terms.error) };
  const { max_output_tokens, tiers, tiers_by, needs } = terms;
  const head: AdmittedHead = {
    ...(replay === undefined ? admission.head : runHead(admission.head, replay)),
    ...(max_output_tokens === undefined ? {} : { max_output_tokens }),
    ...(tiers === undefined ? {} : { tiers: [...tiers] }),
    ...(tiers_by === undefined ? {} : { tiers_by }),
    ...(shadow === undefined ? {} : { shadow }),
  };
  const lower = needs.lower_nusd === undefined || tiers === undefined ? {} : { lower_tiers: tiers.slice(0, 1) };
  return { ...base, admission: { ...admission, head }, needs, ...lower };
}

/** Whoever asked has been told of the first run. */
function runHead({ callback_url: _, ...head }: AdmittedHead, replay: ReplayMark): AdmittedHead {
  return { ...head, replay };
}

function callbackRefused(
  { callbackProblem }: Pick<ReadingDeps, "callbackProblem">,
  { callback_url }: AdmittedHead,
): ResultError | undefined {
  const problem = callback_url === undefined ? undefined : callbackProblem?.(callback_url);
  if (problem === undefined) return undefined;
  return { code: "invalid_request", type: "invalid_request_error", message: problem, param: "callback.url" };
}

/** The pipeline's own tenants have nothing but runs for a comparison. */
function internalProblem(tenant: string): ResultError | undefined {
  if (!isInternalTenant(tenant)) return undefined;
  const message = `tenant: "${tenant}" is the pipeline's own, for runs that are compared alone`;
  return { code: "tenant_unknown", type: "invalid_request_error", message, param: "tenant" };
}

function refused({ identity, head }: Admitted, error: ResultError): Refused {
  return { kind: "refuse", identity, status: "rejected", error, told: toldOf(head) };
}

/** What the counters are asked about a record. */
export function askOf({ record, arrival, admission, needs }: Judged, reentry: boolean): Ask {
  const due_ms = reentry ? dueOf(record.headers) : undefined;
  const { tenant, id, has_own_id, content_hash, idempotency_key } = admission.identity;
  return {
    tenant,
    id,
    has_own_id,
    content_hash,
    ...(idempotency_key === undefined ? {} : { idempotency: idempotencyHash(idempotency_key) }),
    place: `${arrival.topic} ${arrival.partition} ${arrival.offset}`,
    reentry,
    ...(due_ms === undefined ? {} : { turn: String(due_ms) }),
    ...(admission.kind === "admit" && mayWait(admission) ? { defers: true } : {}),
    ...(needs === undefined ? {} : { needs }),
  };
}

/** Where a limit refuses it, it waits for room. */
export function mayWait({ head, request }: Admitted): boolean {
  return (request.on_limit ?? (head.lane === "batch" ? "defer" : "reject")) === "defer";
}
