/** What a judged record causes, once the counters have answered. Pure but for the clock and the codec. */
import type { Answer, RateRoom, Refusal } from "../../libs/shared/budgets/admission-store.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import {
  ATTEMPTS_HEADER,
  DEADLINE_HEADER,
  KEY_HEADER,
  ORIGIN_HEADER,
  RATE_ROOM_HEADER,
  REPLAY_HEADER,
  REPLY_TO_HEADER,
  ROUND_HEADER,
  SHADOW_HEADER,
  TENANT_HEADER,
  travellingHeaders,
  UNKNOWN_CALLS_HEADER,
} from "../../libs/shared/events/headers.ts";
import { originText } from "../../libs/shared/events/origin.ts";
import { outcomeRecord } from "../../libs/shared/events/outcomes.ts";
import { encodeRateRoom } from "../../libs/shared/events/rate-room.ts";
import { shadowOf } from "../../libs/shared/events/shadow-requests.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { inLane, type TopicNames } from "../../libs/shared/events/topics.ts";
import { withNote } from "../../libs/shared/events/trail.ts";
import { NO_HOLD, type Reservation, type UsageEntry } from "../../libs/shared/events/usage.ts";
import { usageEntryOut } from "../../libs/shared/events/usage-records.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";
import { isFollowed, type Told } from "../../libs/shared/redis/request-events.ts";
import { toldOf } from "./admission.ts";
import { deferredRecord } from "./deferral.ts";
import { type Admitted, type Judged, mayWait, type Refused, type Unreadable } from "./reading.ts";
import { redriveOf } from "./redrives.ts";
import { keyTakenError, type RefusedRequest, refusalError } from "./refusals.ts";
import { UNBUDGETED } from "./reserving.ts";

/** What became of a record, for metrics. */
export type Fate = "admitted" | "rejected" | "expired" | "repeated" | "deferred" | "dead_letter";

export type DeferredView = { readonly tenant: string; readonly id: string; readonly until_ms: number };

export type ConsequenceDeps = {
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly reentry: boolean;
  /** When a refused request is asked about again; undefined where it is refused for good. */
  readonly deferUntil: (admitted: Admitted, subjects: RefusedRequest, refusal: Refusal) => number | undefined;
};

export type Consequence = {
  readonly fate: Fate;
  readonly records: readonly OutRecord[];
  /** For `llm.usage`, once the records are acknowledged. */
  readonly ends?: OutRecord;
  readonly deferred?: DeferredView;
  /** For whoever follows the request. */
  readonly told?: Told;
  /** Its budgets, or its own cap, left the weakest tier alone. */
  readonly lowered?: true;
};

const NOTHING: Consequence = { fate: "repeated", records: [] };

export function consequenceOf(
  deps: ConsequenceDeps,
  read: Judged | Unreadable,
  answer: Answer | undefined,
): Consequence {
  if (!("admission" in read) || answer === undefined || answer.kind === "lost") {
    const { code, message } = "code" in read ? read : { code: "internal_error", message: "nobody answered for it" };
    return { fate: "dead_letter", records: [deadLetter(deps.dead_letters, read.record, code, message)] };
  }
  switch (answer.kind) {
    case "repeated":
      return NOTHING;
    case "conflict": {
      const { tenant, id } = read.admission.identity;
      const message = `tenant ${tenant} already has a request ${id} with other content`;
      return { fate: "dead_letter", records: [deadLetter(deps.dead_letters, read.record, "id_conflict", message)] };
    }
    case "key_taken":
      return refused(deps, read, keyTakenError(answer));
    case "refused":
      return deferredOrRefused(deps, read, answer.refusal);
    case "known":
      return read.admission.kind === "refuse" ? ended(deps, read, read.admission) : NOTHING;
    case "admitted":
      return admitted(deps, read, answer.reservation, encodeRateRoom(answer.room));
    case "redelivered":
      return admitted(deps, read, answer.reservation, undefined);
  }
}

function admitted(
  deps: ConsequenceDeps,
  judged: Judged,
  reservation: Reservation,
  room: string | undefined,
): Consequence {
  const { record, arrival, admission, request } = judged;
  if (admission.kind === "refuse") return ended(deps, judged, admission, reservation);
  const { identity } = admission;
  const lowered = isLowered(judged, reservation);
  const tiers = lowered ? { tiers: [...(judged.lower_tiers ?? [])], tiers_by: "budget" as const } : {};
  const head = { ...admission.head, reservation, ...tiers };
  const topic = inLane(deps.names.admitted, head.lane);
  const { json, carried_at } = splice(head, "request", request);
  const waits = room !== undefined && record.headers[REPLY_TO_HEADER] !== undefined;
  const headers = {
    ...headersFrom(deps, { record, arrival, admission }),
    [TENANT_HEADER]: identity.tenant,
    ...(head.deadline_ms === undefined ? {} : { [DEADLINE_HEADER]: String(head.deadline_ms) }),
    ...(waits ? { [RATE_ROOM_HEADER]: room } : {}),
    [CARRIED_AT_HEADER]: String(carried_at),
  };
  return {
    fate: "admitted",
    ...(head.tiers_by === "budget" ? { lowered: true as const } : {}),
    ...told(judged, { state: "admitted", ...(waits ? { rate_room: room } : {}) }),
    records: [{ topic, key: identity.key, value: deps.codec.encode(topic, ...json), headers }],
  };
}

/** What is held is less than all that it could need: the weakest tier alone is paid for. */
export function isLowered({ needs, lower_tiers }: Judged, { hold_id, reserved_nusd }: Reservation): boolean {
  return hold_id !== UNBUDGETED && lower_tiers !== undefined && reserved_nusd < (needs?.reserved_nusd ?? 0);
}

function deferredOrRefused(deps: ConsequenceDeps, judged: Judged, refusal: Refusal): Consequence {
  const { admission, record, request } = judged;
  const { tenant, id, key } = admission.identity;
  const head = admission.kind === "admit" ? admission.head : undefined;
  const { session, user, deadline_ms } = head ?? {};
  const subjects = { tenant, session, user, key_id: record.headers[KEY_HEADER] };
  const due_ms = admission.kind === "admit" ? deps.deferUntil(admission, subjects, refusal) : undefined;
  if (due_ms === undefined) {
    const room = encodeRateRoom(roomOf(refusal));
    const consequence = refused(deps, judged, refusalError(refusal, subjects, deps.clock.now_ms()), room);
    const waited = admission.kind === "admit" && mayWait(admission);
    return waited ? { ...consequence, ends: endRecord(deps, judged) } : consequence;
  }
  const why = `deferred:${refusal.reason}:${refusal.scope}`;
  const source = { key, headers: withNote(headersFrom(deps, judged), why) };
  const out = deferredRecord(deps.names, source, request, { tenant, deadline_ms, due_ms });
  const view = { tenant, id, until_ms: due_ms };
  return { fate: "deferred", records: [out], deferred: view, ...told(judged, { state: "deferred", until_ms: due_ms }) };
}

function told({ record, admission: { identity } }: Judged, state: Told["state"]): Pick<Consequence, "told"> {
  return isFollowed(record.headers) ? { told: { tenant: identity.tenant, id: identity.id, state } } : {};
}

/** What the limit that refuses has left. */
function roomOf({ reason, limit, left, retry_after_ms = 0 }: Refusal): RateRoom {
  const room = { limit, left, reset_ms: retry_after_ms };
  if (reason === "rate_requests") return { requests: room };
  return reason === "rate_tokens" ? { tokens: room } : {};
}

/**
 * Tells the ledger that the request has ended. A copy of it may wait on `llm.deferred` (a redelivery defers once more); asked about
 * after this it is a repeat, and nothing is paid for a request that has its result.
 */
function endRecord({ clock, codec, names }: ConsequenceDeps, { admission: { identity } }: Judged): OutRecord {
  const entry: UsageEntry = {
    kind: "released",
    tenant: identity.tenant,
    id: identity.id,
    hold_id: NO_HOLD,
    at_ms: clock.now_ms(),
    reserved_nusd: 0,
    settled_nusd: 0,
    counters: [],
    cause: "no_call",
  };
  return usageEntryOut(codec, names.usage, entry);
}

function refused(deps: ConsequenceDeps, judged: Judged, error: ResultError, room?: string): Consequence {
  const { admission } = judged;
  const refusal: Refused = {
    kind: "refuse",
    identity: admission.identity,
    status: "rejected",
    error,
    told: admission.kind === "refuse" ? admission.told : toldOf(admission.head),
  };
  return ended(deps, judged, refusal, undefined, room);
}

/**
 * @param reservation of an earlier entry: it is given back with the outcome.
 * @param room for the gateway, where a caller waits there.
 */
function ended(
  deps: ConsequenceDeps,
  judged: Judged,
  refusal: Refused,
  reservation?: Reservation,
  room?: string,
): Consequence {
  const { identity, status, error } = refusal;
  const timing = { received: judged.arrival.timestamp_ms, completed: deps.clock.now_ms() };
  const waits = room !== undefined && judged.record.headers[REPLY_TO_HEADER] !== undefined;
  const headers = { ...headersFrom(deps, judged), ...(waits ? { [RATE_ROOM_HEADER]: room } : {}) };
  const source = { key: identity.key, headers };
  const held = reservation === undefined ? {} : { reservation };
  const shadow = shadowOf(judged.record.headers, identity.tenant);
  const replay = redriveOf(judged.record.headers, identity);
  const { callback_url, ...told } = refusal.told;
  const request = {
    ...identity,
    ...told,
    ...held,
    ...(shadow === undefined ? {} : { shadow }),
    ...(replay === undefined ? {} : { replay }),
    ...(replay !== undefined || callback_url === undefined ? {} : { callback_url }),
  };
  const record = outcomeRecord(deps, source, request, { status, error, timing });
  return { fate: status, records: [record] };
}

/** What travels from here on. Anyone may write to a work topic: there, origin, rounds, what a run is for and a replay's marks are not the writer's to say. */
function headersFrom(
  deps: ConsequenceDeps,
  { record, arrival, admission }: Pick<Judged, "record" | "arrival" | "admission">,
) {
  const {
    [ROUND_HEADER]: round,
    [UNKNOWN_CALLS_HEADER]: unknown,
    [ATTEMPTS_HEADER]: attempts,
    [RATE_ROOM_HEADER]: _,
    [SHADOW_HEADER]: run_for,
    [REPLAY_HEADER]: replay,
    ...headers
  } = travellingHeaders(record.headers);
  const is_run = run_for !== undefined && shadowOf(record.headers, admission.identity.tenant) !== undefined;
  const rounds = {
    ...(round === undefined ? {} : { [ROUND_HEADER]: round }),
    ...(unknown === undefined ? {} : { [UNKNOWN_CALLS_HEADER]: unknown }),
    ...(attempts === undefined ? {} : { [ATTEMPTS_HEADER]: attempts }),
  };
  const shadow = is_run ? { [SHADOW_HEADER]: run_for } : {};
  const is_redrive = replay !== undefined && redriveOf(record.headers, admission.identity) !== undefined;
  const redrive = is_redrive ? { [REPLAY_HEADER]: replay } : {};
  return { ...headers, ...shadow, ...redrive, [ORIGIN_HEADER]: originText(arrival), ...(deps.reentry ? rounds : {}) };
}
