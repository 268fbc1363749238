/** Whose record it is, and what it carries: each topic says so in its own way. Nothing is decided about it. */
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { ID_PATTERN, TENANT_PATTERN } from "../../../libs/shared/events/fields.ts";
import {
  type AdmittedHead,
  admittedHead,
  jobHead,
  type OutcomeHead,
  outcomeHead,
  type ResultHead,
  resultHead,
} from "../../../libs/shared/events/flow.ts";
import { readHop } from "../../../libs/shared/events/hop.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import { type Origin, originOf } from "../../../libs/shared/events/origin.ts";
import { replayOf } from "../../../libs/shared/events/replay.ts";
import { isInternalTenant } from "../../../libs/shared/events/shadow.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { InRecord, RecordHeaders } from "../../../libs/shared/kafka/ports.ts";
import { originalOf } from "./dead-letter.ts";
import { isReentry, kindOf, kindOfOrigin, type TopicKind } from "./topics.ts";

export type Identified = {
  readonly source: InRecord;
  readonly kind: TopicKind;
  readonly tenant: string;
  readonly id: string;
  readonly key: Buffer | null;
  readonly received_ms: number;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Of the record, or of the one that the dead letter was. */
  readonly headers: RecordHeaders;
  /** Where its request stands on `llm.requests`. */
  readonly origin?: Origin | undefined;
  /** What it carries itself: the request, or how it ended. */
  readonly request?: Buffer | undefined;
  readonly ended?: Ended;
  /** Nobody's own: a run for a comparison, or what a replay sent. */
  readonly internal: boolean;
};

export type Ended = { readonly head: OutcomeHead | ResultHead; readonly response: Buffer | undefined };

export type IdentityDeps = { readonly codec: EventCodec; readonly names: TopicNames };

/** Owner of results whose request named no usable tenant, as ingest has it. */
const NO_TENANT = "_unknown";
const SESSION_LENGTH_MAX = 256;

/** @returns undefined where nobody can read it. @throws retryable while the registry is needed and away. */
export async function identify(deps: IdentityDeps, source: InRecord): Promise<Identified | undefined> {
  const kind = kindOf(deps.names, source.topic);
  const record = kind === "dead_letter" ? originalOf(source) : source;
  if (record === undefined) return undefined;
  const of = kind === "dead_letter" ? kindOfOrigin(deps.names, record.topic) : kind;
  const found = of === undefined ? undefined : await READERS[of](deps, record);
  if (found === undefined) return undefined;
  const { replayed = replayOf(record.headers) !== undefined, ...identity } = found;
  const internal = isInternalTenant(identity.tenant) || replayed;
  return { ...identity, source, kind: kind as TopicKind, headers: record.headers, internal };
}

type Read = Omit<Identified, "source" | "kind" | "headers" | "internal"> & { readonly replayed?: boolean };
type Reader = (deps: IdentityDeps, record: InRecord) => Promise<Read | undefined>;

const READERS: Readonly<Record<Exclude<TopicKind, "dead_letter">, Reader>> = {
  requests: readRequest,
  admitted: (deps, record) => readWork(deps, record, (head) => admittedHead.parse(head)),
  job: (deps, record) => readWork(deps, record, (head) => jobHead.parse(head)),
  outcome: (deps, record) => readEnded(deps, record, (head) => outcomeHead.parse(head)),
  result: readResult,
};

/** By the rules of ingest (`services/ingest/admission.ts`), without its judgement. */
async function readRequest({ codec, names }: IdentityDeps, record: InRecord): Promise<Read | undefined> {
  const decoded = await codec.decode(record);
  if (decoded.kind === "unreadable") return undefined;
  const json = parseJson(decoded.payload);
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const { tenant, id, session, metadata } = json as Record<string, unknown>;
  const origin: Origin = (isReentry(names, record.topic) ? originOf(record.headers) : undefined) ?? placeOf(record);
  const known = typeof tenant === "string" && TENANT_PATTERN.test(tenant);
  const own = known && typeof id === "string" && ID_PATTERN.test(id);
  const used = own ? id : `${origin.topic}-${origin.partition}-${origin.offset}`;
  const keyed = typeof session === "string" && session.length > 0 && session.length <= SESSION_LENGTH_MAX;
  return {
    tenant: known ? tenant : NO_TENANT,
    id: used,
    key: Buffer.from(keyed ? session : used),
    received_ms: origin.timestamp_ms,
    metadata: isObject(metadata) ? metadata : undefined,
    origin,
    request: decoded.payload,
  };
}

async function readWork(
  { codec }: IdentityDeps,
  record: InRecord,
  check: (head: unknown) => AdmittedHead,
): Promise<Read | undefined> {
  const hop = await readHop(codec, record, "request", check);
  if (!hop.ok) return undefined;
  const { head, carried } = hop;
  return { ...common(record, head), request: carried };
}

async function readEnded<Head extends OutcomeHead | ResultHead>(
  { codec }: IdentityDeps,
  record: InRecord,
  check: (head: unknown) => Head,
): Promise<(Read & { readonly ended: Ended }) | undefined> {
  const hop = await readHop(codec, record, "response", check);
  if (!hop.ok) return undefined;
  return { ...common(record, hop.head), ended: { head: hop.head, response: hop.carried } };
}

/** Results of replays are written as those of `llm.results` are, and asked for by the name of their topic. */
async function readResult(deps: IdentityDeps, record: InRecord): Promise<Read | undefined> {
  const { results } = deps.names;
  const read = await readEnded(deps, { ...record, topic: results }, (head) => resultHead.parse(head));
  return read === undefined || record.topic === results ? read : { ...read, replayed: false };
}

function common(record: InRecord, head: AdmittedHead | OutcomeHead | ResultHead): Read {
  const origin = originOf(record.headers);
  const { id, tenant, metadata, timing, replay } = head;
  return {
    id,
    tenant,
    key: record.key,
    received_ms: timing.received ?? origin?.timestamp_ms ?? record.timestamp_ms,
    metadata,
    origin,
    ...(replay === undefined ? {} : { replayed: true }),
  };
}

function placeOf({ topic, partition, offset, timestamp_ms }: InRecord): Origin {
  return { topic, partition, offset, timestamp_ms };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
