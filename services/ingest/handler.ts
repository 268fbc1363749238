/** Ingest: a batch of records in; admitted requests, refusals and dead letters out, all acknowledged before it resolves (I2). */
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import {
  DEADLINE_HEADER,
  ORIGIN_HEADER,
  ROUND_HEADER,
  TENANT_HEADER,
  travellingHeaders,
} from "../../libs/shared/events/headers.ts";
import { originOf, originText } from "../../libs/shared/events/origin.ts";
import { outcomeRecord } from "../../libs/shared/events/outcomes.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { BATCH_SUFFIX, inLane, type TopicNames } from "../../libs/shared/events/topics.ts";
import type { Handler } from "../../libs/shared/kafka/consumption.ts";
import type { InRecord, OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { type Admission, type Arrival, admit } from "./admission.ts";
import type { SeenStore, Verdict } from "./seen.ts";

export type IngestDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly seen: SeenStore;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly knowsTenant: (tenant: string) => boolean;
  /** Records come from a retry topic: place, times and rounds are those that their headers tell, and deadlines are looked at now. */
  readonly reentry: boolean;
  /** Told what became of each record, for metrics. */
  readonly count: (outcome: "admitted" | "rejected" | "expired" | "repeated" | "dead_letter") => void;
};

type Read =
  | {
      readonly record: InRecord;
      readonly arrival: Arrival;
      readonly admission: Admission;
      readonly request: Buffer;
    }
  | { readonly record: InRecord; readonly unreadable: { readonly code: string; readonly message: string } };

export function createIngestHandler(deps: IngestDeps): Handler {
  return async (records) => {
    const read = await Promise.all(records.map((record) => readRecord(deps, record)));
    const readable = read.filter((one) => "admission" in one);
    const verdicts = await deps.seen.check(
      readable.map(({ arrival, admission: { identity } }) => ({
        tenant: identity.tenant,
        id: identity.id,
        content_hash: identity.content_hash,
        place: { topic: arrival.topic, partition: arrival.partition, offset: arrival.offset },
      })),
    );
    const verdictOf = new Map(readable.map((one, index) => [one, verdicts[index] as Verdict]));
    await deps.publisher.publish(read.flatMap((one) => consequence(deps, one, verdictOf.get(one as never))));
  };
}

async function readRecord(deps: IngestDeps, record: InRecord): Promise<Read> {
  const decoded = await deps.codec.decode(record);
  if (decoded.kind === "unreadable") return { record, unreadable: decoded };
  let json: unknown;
  try {
    json = JSON.parse(decoded.payload.toString());
  } catch (error) {
    return { record, unreadable: { code: "not_json", message: `the value is not JSON: ${(error as Error).message}` } };
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { record, unreadable: { code: "not_json", message: "the value is not a JSON object" } };
  }
  const { reentry, knowsTenant } = deps;
  const arrival: Arrival = (reentry ? originOf(record.headers) : undefined) ?? record;
  const lane = arrival.topic.endsWith(BATCH_SUFFIX) ? "batch" : "interactive";
  const context = { now_ms: deps.clock.now_ms(), knowsTenant, lane, reentry } as const;
  return {
    record,
    arrival,
    admission: admit(json as Record<string, unknown>, arrival, context),
    request: decoded.payload,
  };
}

function consequence(deps: IngestDeps, read: Read, verdict: Verdict | undefined): OutRecord[] {
  if ("unreadable" in read) {
    deps.count("dead_letter");
    return [deadLetter(deps.dead_letters, read.record, read.unreadable.code, read.unreadable.message)];
  }
  const { record, arrival, admission } = read;
  const { id, tenant } = admission.identity;
  if (verdict === "conflict") {
    deps.count("dead_letter");
    const message = `tenant ${tenant} already has a request ${id} with other content`;
    return [deadLetter(deps.dead_letters, record, "id_conflict", message)];
  }
  // What was admitted goes on: where Redis forgot it meanwhile, a repeat was admitted too and may count on this very one.
  if (verdict === "repeated" && !deps.reentry) {
    deps.count("repeated");
    return [];
  }
  if (admission.kind === "refuse") {
    deps.count(admission.status);
    return [refusal(deps, record, arrival, admission)];
  }
  deps.count("admitted");
  const { head, identity } = admission;
  const topic = inLane(deps.names.admitted, head.lane);
  const { json, carried_at } = splice(head, "request", read.request);
  const headers = {
    ...headersFrom(deps, record, arrival),
    [TENANT_HEADER]: tenant,
    ...(head.deadline_ms === undefined ? {} : { [DEADLINE_HEADER]: String(head.deadline_ms) }),
    [CARRIED_AT_HEADER]: String(carried_at),
  };
  return [{ topic, key: identity.key, value: deps.codec.encode(topic, ...json), headers }];
}

/** What travels from here on. Anyone may write to a work topic: there, origin and rounds are not the writer's to say. */
function headersFrom(deps: IngestDeps, record: InRecord, arrival: Arrival): Record<string, string> {
  const { [ROUND_HEADER]: round, ...headers } = travellingHeaders(record.headers);
  const rounds = deps.reentry && round !== undefined ? { [ROUND_HEADER]: round } : {};
  return { ...headers, [ORIGIN_HEADER]: originText(arrival), ...rounds };
}

function refusal(
  deps: IngestDeps,
  record: InRecord,
  arrival: Arrival,
  admission: Extract<Admission, { kind: "refuse" }>,
): OutRecord {
  const { identity, status, error, metadata } = admission;
  const timing = { received: arrival.timestamp_ms, completed: deps.clock.now_ms() };
  const source = { key: identity.key, headers: headersFrom(deps, record, arrival) };
  return outcomeRecord(deps, source, { ...identity, metadata }, { status, error, timing });
}
