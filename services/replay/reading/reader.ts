/** Reads what a selection takes: its stretches, fixed once, and what is recorded of each record in them. */
import type { Kafka } from "kafkajs";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { RangeReader } from "../../../libs/shared/kafka/range-reader.ts";
import type { Log } from "../../../libs/shared/log.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import type { Range, Selection } from "../../../libs/shared/replay/replay.ts";
import type { RecordedChunk, RecordedReader, Wanted } from "../contract.ts";
import { mapAhead, rechunk } from "./ahead.ts";
import { type Chosen, type JoiningDeps, joinRecords } from "./joining.ts";
import { limited } from "./limit.ts";
import { findPlaced, type Placed } from "./places.ts";
import { around, offsetsIn, stretchesOf } from "./stretches.ts";
import { replayableKind, type TopicKind } from "./topics.ts";

export type ReadingDeps = {
  readonly kafka: Kafka;
  readonly pool: Pool;
  /** With the schemas of the settings registered. */
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly settings: Pick<Settings, "replay" | "tiers">;
  readonly log: Log;
};

/** Of a chunk's records; what is larger makes chunks of fewer. */
const CHUNK_BYTES_MAX = 4 * 1_048_576;
/** Chunks that are joined before they are taken. */
const AHEAD = 1;
const IDS_MAX = 10_000;
/** Clocks of whoever ends a request and whoever publishes its Result may differ by so much. */
const CLOCKS_DIFFER_MS_MAX = 60_000;
const NOTHING: Wanted = { request: false, outcome: false };

export type ClosingReader = RecordedReader & {
  /** Ends its connections to Kafka; the pool is the caller's. */
  close(): Promise<void>;
};

/** @throws `usage` for a selection that makes no sense. */
export function createRecordedReader(deps: ReadingDeps, selection: Selection): ClosingReader {
  const { names, settings } = deps;
  const kind = replayableKind(names, Object.keys(settings.tiers), selection.topic);
  checkSelection(selection, kind, names);
  const ids = selection.ids === undefined ? undefined : new Set(selection.ids);
  const reader = new RangeReader(deps.kafka);
  const joining = { ...deps, ranges: reader };
  const read = (range: Range, wanted: Wanted, from = range.from): AsyncGenerator<RecordedChunk, void, void> =>
    readRange({ ...joining, reader, chunk: settings.replay.chunk }, { selection, ids }, range, wanted, from);
  return {
    read,
    ranges: () => findRanges(deps, reader, { selection, kind }, (range) => read(range, NOTHING)),
    close: () => reader.close(),
  };
}

async function* readRange(
  deps: JoiningDeps & { readonly reader: RangeReader; readonly chunk: number },
  chosen: Chosen,
  range: Range,
  wanted: Wanted,
  from: number,
): AsyncGenerator<RecordedChunk, void, void> {
  const { topic, partition, to } = range;
  const records = deps.reader.read({ topic, partition, from: Math.max(from, range.from), to });
  const pieces = rechunk(records, deps.chunk, CHUNK_BYTES_MAX, bytesOf);
  const source = { topic, partition };
  yield* mapAhead(pieces, AHEAD, async (some) => ({ source, items: await joinRecords(deps, chosen, wanted, some) }));
}

async function findRanges(
  deps: ReadingDeps,
  reader: RangeReader,
  { selection, kind }: { readonly selection: Selection; readonly kind: TopicKind },
  read: (range: Range) => AsyncIterable<RecordedChunk>,
): Promise<readonly Range[]> {
  const { topic, from_ms, to_ms, ids, limit } = selection;
  const placed = ids === undefined ? undefined : await foundById(deps, ids, selection.tenant);
  // Results have no place in Postgres: they are looked for since the first of them ended.
  const since_ms = kind === "result" && placed !== undefined ? sinceOf(placed, from_ms) : from_ms;
  const [bounds, from, to] = await Promise.all([
    reader.bounds(topic),
    since_ms === undefined ? undefined : reader.at(topic, since_ms),
    to_ms === undefined ? undefined : reader.at(topic, to_ms),
  ]);
  const all = stretchesOf(selection, bounds, { from, to });
  const ranges = placed === undefined || kind === "result" ? all : around(all, placesOn(placed, kind, topic));
  const records_max = deps.settings.replay.records_max;
  if (limit === undefined) {
    checkSize(offsetsIn(ranges), records_max);
    return ranges;
  }
  let passed = 0;
  const look = (count: number): void => {
    passed += count;
    checkSize(passed, records_max);
  };
  return limited(ranges, limit, read, look);
}

/** @throws `usage` where nothing is known of any of the ids. */
async function foundById(
  { pool, log }: ReadingDeps,
  ids: readonly string[],
  tenant: string | undefined,
): Promise<readonly Placed[]> {
  const placed = await findPlaced(pool, [...new Set(ids)], tenant);
  const found = new Set(placed.map(({ claim }) => claim.id));
  const missing = [...new Set(ids)].filter((id) => !found.has(id));
  if (found.size === 0) {
    const fix = "Ids are found by their Results, which requests under way do not have yet, and which retention takes.";
    throw new SluiceError("usage", `no Result is kept of ${some(missing)}`, { fix });
  }
  if (missing.length > 0) log.warn({ missing: missing.length }, `no Result is kept of ${some(missing)}: left out`);
  return placed;
}

function placesOn(
  placed: readonly Placed[],
  kind: TopicKind,
  topic: string,
): readonly { readonly partition: number; readonly offset: number }[] {
  const places = placed.flatMap(({ claim, request }) => (kind === "outcome" ? [claim] : (request ?? [])));
  return places.filter((place) => place.topic === topic);
}

function sinceOf(placed: readonly Placed[], from_ms: number | undefined): number {
  const first_ms = Math.min(...placed.map(({ completed_ms }) => completed_ms ?? 0)) - CLOCKS_DIFFER_MS_MAX;
  return Math.max(first_ms, from_ms ?? 0, 0);
}

/** @throws `replay_too_large` */
function checkSize(records: number, records_max: number): void {
  if (records <= records_max) return;
  throw new SluiceError(
    "replay_too_large",
    `the selection has ${records} records or more, and replay.records_max is ${records_max}`,
    { fix: "Select less by time, offsets or a limit, and replay it in parts; or raise replay.records_max." },
  );
}

function checkSelection({ topic, ids, from_ms, to_ms, limit }: Selection, kind: TopicKind, names: TopicNames): void {
  const usage = (message: string): SluiceError => new SluiceError("usage", message);
  if (from_ms !== undefined && to_ms !== undefined && from_ms >= to_ms) {
    throw usage("the selection ends before it begins");
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) throw usage("limit must be at least 1");
  if (ids === undefined) return;
  if (ids.length === 0 || ids.length > IDS_MAX) throw usage(`a selection has 1 to ${IDS_MAX} ids`);
  if (kind === "requests" || kind === "outcome" || kind === "result") return;
  const { requests, outcomes, results } = names;
  throw new SluiceError("usage", `records of ${topic} cannot be selected by id`, {
    fix: `Name ${requests}, ${names.batch(requests)}, ${outcomes} or ${results} as the topic.`,
  });
}

function some(ids: readonly string[]): string {
  const named = ids.slice(0, 5).join(", ");
  return ids.length > 5 ? `${named} and ${ids.length - 5} more` : named;
}

function bytesOf({ key, value }: InRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
