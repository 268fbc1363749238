/**
 * Puts together what is recorded of a chunk's requests: claims and Results from Postgres, outcomes and requests from where they stand on
 * their topics. Each kind is asked for once for the whole chunk.
 */
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { type OutcomeHead, outcomeHead, type Result } from "../../../libs/shared/events/flow.ts";
import { ORIGIN_HEADER } from "../../../libs/shared/events/headers.ts";
import { readHop } from "../../../libs/shared/events/hop.ts";
import { type Origin, originOf } from "../../../libs/shared/events/origin.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import { type InRecord, partitionId, type TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import type { RangeReader } from "../../../libs/shared/kafka/range-reader.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import type { Selection } from "../../../libs/shared/replay/replay.ts";
import type { Recorded, RecordedItem, Wanted } from "../contract.ts";
import { asksOfEnd, endedAs, hasEnded, isTheOne, isWanted } from "./filter.ts";
import { type Identified, identify } from "./identity.ts";
import { findOriginals, nameOf, type Original, outcomeOfRow } from "./originals.ts";

export type JoiningDeps = {
  readonly ranges: Pick<RangeReader, "readAt">;
  readonly pool: Pool;
  readonly codec: EventCodec;
  readonly names: TopicNames;
};

export type Chosen = { readonly selection: Selection; readonly ids: ReadonlySet<string> | undefined };

/** One item a record, in their order. @throws retryable while Kafka, the registry or Postgres is away. */
export async function joinRecords(
  deps: JoiningDeps,
  chosen: Chosen,
  wanted: Wanted,
  records: readonly InRecord[],
): Promise<readonly RecordedItem[]> {
  const read = await Promise.all(records.map((record) => identify(deps, record)));
  const some = read.filter((one) => one !== undefined && isWanted(chosen.selection, chosen.ids, one)) as Identified[];
  const originals = await findOriginals(deps.pool, some);
  const taken = some.flatMap((one) => matched(chosen.selection, one, originals.get(nameOf(one))) ?? []);
  const [outcomes, requests] = await Promise.all([
    wanted.outcome ? findOutcomes(deps, taken) : new Map<string, Outcome>(),
    wanted.request ? findRequests(deps, taken) : new Map<string, FoundRequest>(),
  ]);
  const recorded = new Map(taken.map((one) => [one.identified, recordedOf(one, wanted, outcomes, requests)]));
  return records.map(({ offset }, at) => {
    const one = read[at];
    if (one === undefined) return { offset, skipped: "unreadable" };
    const found = recorded.get(one);
    return found === undefined ? { offset, skipped: "filtered" } : { offset, recorded: found };
  });
}

type Outcome = NonNullable<Recorded["outcome"]>;
type FoundRequest = { readonly request: Buffer; readonly headers: InRecord["headers"] };
type Place = TopicPartition & { readonly offset: number };

type Taken = {
  readonly identified: Identified;
  readonly original: Original | undefined;
  /** Where the request stands, if the record does not carry it. */
  readonly request_at: Origin | undefined;
};

/** @returns undefined where the selection leaves it out. Pure. */
function matched(selection: Selection, identified: Identified, found: Original | undefined): Taken | undefined {
  const one = isTheOne(identified, found?.claim, found?.origin);
  // A dead letter may be of a request that had another's id: then what is recorded is the other's.
  if (!one && identified.kind !== "dead_letter") return undefined;
  const original = one ? found : undefined;
  if (asksOfEnd(selection)) {
    const ended = original?.result ?? (identified.ended === undefined ? undefined : endedAs(identified.ended));
    if (!hasEnded(selection, ended)) return undefined;
  }
  const origin =
    identified.origin ?? (original?.origin == null ? undefined : originOf({ [ORIGIN_HEADER]: original.origin }));
  return { identified, original, request_at: identified.request === undefined ? origin : undefined };
}

function recordedOf(
  { identified, original, request_at }: Taken,
  wanted: Wanted,
  outcomes: ReadonlyMap<string, Outcome>,
  requests: ReadonlyMap<string, FoundRequest>,
): Recorded {
  const { source, tenant, id, key, received_ms, headers, ended } = identified;
  const found = request_at === undefined ? undefined : requests.get(placeId(request_at));
  const request = wanted.request ? (identified.request ?? found?.request) : undefined;
  const outcome = wanted.outcome ? outcomeOf(identified, original, outcomes) : undefined;
  const own =
    identified.kind === "result" && ended !== undefined && !original?.has_result ? resultOf(ended) : undefined;
  return {
    source,
    tenant,
    id,
    key,
    received_ms,
    headers: found?.headers ?? headers,
    ...(request === undefined ? {} : { request }),
    ...(outcome === undefined ? {} : { outcome }),
    get original() {
      return own ?? original?.result;
    },
  };
}

function outcomeOf(
  { kind, headers, ended }: Identified,
  original: Original | undefined,
  outcomes: ReadonlyMap<string, Outcome>,
): Outcome | undefined {
  if (kind === "outcome" && ended !== undefined) {
    const { head, response } = ended;
    return { from: "topic", head: head as OutcomeHead, ...(response === undefined ? {} : { response }), headers };
  }
  if (original === undefined) return undefined;
  const found = outcomes.get(placeId(original.claim));
  const { tenant, id } = original.claim;
  // A topic that was made anew has other records at the same places.
  if (found !== undefined && found.head.id === id && found.head.tenant === tenant) return found;
  return outcomeOfRow(original);
}

function resultOf({ head, response }: NonNullable<Identified["ended"]>): Result {
  return { ...head, ...(response === undefined ? {} : { response: JSON.parse(response.toString()) }) };
}

async function findOutcomes(deps: JoiningDeps, taken: readonly Taken[]): Promise<ReadonlyMap<string, Outcome>> {
  const places = taken.flatMap(({ identified, original }) =>
    original === undefined || identified.kind === "outcome" ? [] : [original.claim],
  );
  const found = new Map<string, Outcome>();
  await readPlaces(deps, places, async (record) => {
    const hop = await readHop(deps.codec, record, "response", (head) => outcomeHead.parse(head));
    if (!hop.ok) return;
    const { head, carried } = hop;
    const { headers } = record;
    found.set(placeId(record), {
      from: "topic",
      head,
      ...(carried === undefined ? {} : { response: carried }),
      headers,
    });
  });
  return found;
}

async function findRequests(deps: JoiningDeps, taken: readonly Taken[]): Promise<ReadonlyMap<string, FoundRequest>> {
  const places = taken.flatMap(({ request_at }) => request_at ?? []);
  const times = new Map(places.map((place) => [placeId(place), place.timestamp_ms]));
  const found = new Map<string, FoundRequest>();
  await readPlaces(deps, places, async (record) => {
    if (times.get(placeId(record)) !== record.timestamp_ms) return;
    const decoded = await deps.codec.decode(record);
    if (decoded.kind === "json") found.set(placeId(record), { request: decoded.payload, headers: record.headers });
  });
  return found;
}

/** Partitions side by side. */
async function readPlaces(
  { ranges, names }: JoiningDeps,
  places: readonly Place[],
  each: (record: InRecord) => Promise<void>,
): Promise<void> {
  const wanted = Map.groupBy(places, partitionId);
  await Promise.all(
    [...wanted.values()].map(async (some) => {
      const [{ topic, partition }] = some as [Place];
      // Places come from headers and rows: what they name need not be there.
      if (!isReadable(names, topic)) return;
      const offsets = some.map(({ offset }) => offset);
      const records = await ranges.readAt({ topic, partition }, offsets).catch(noneWhereNothingIs);
      await Promise.all([...records.values()].map(each));
    }),
  );
}

/** The topic or the partition is there no more. */
function noneWhereNothingIs(error: unknown): ReadonlyMap<number, InRecord> {
  if (error instanceof SluiceError && error.code === "usage") return new Map();
  throw error;
}

/** Where outcomes and requests stand. */
function isReadable({ outcomes, requests, batch }: TopicNames, topic: string): boolean {
  return topic === outcomes || topic === requests || topic === batch(requests);
}

function placeId({ topic, partition, offset }: Place): string {
  return `${topic} ${partition} ${offset}`;
}
