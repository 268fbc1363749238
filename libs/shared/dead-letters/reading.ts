/** Reads dead letters from `llm.dlq`, a part at a time: of any number of them only these are in memory. */
import type { EventCodec } from "../events/codec.ts";
import type { TopicNames } from "../events/topics.ts";
import type { InRecord } from "../kafka/ports.ts";
import type { RangeReader } from "../kafka/range-reader.ts";
import { type DeadLetterFilter, fits, mayHoldId } from "./filter.ts";
import { type DeadLetter, type Handled, letterOf, parsePlace, stateOf } from "./letter.ts";
import type { DeadLetterRows } from "./rows.ts";
import { whoseIs } from "./whose.ts";

export type ReadingDeps = {
  readonly reader: Pick<RangeReader, "bounds" | "at" | "read" | "readAt">;
  readonly rows: DeadLetterRows;
  readonly codec: EventCodec;
  readonly names: TopicNames;
};

export type HandledLetter = { readonly letter: DeadLetter; readonly handled: Handled | undefined };

export type LetterChunk = {
  readonly letters: readonly HandledLetter[];
  /** Records passed so far, and all that are to be passed. */
  readonly passed: number;
  readonly of: number;
};

/**
 * Those that are there now and fit, by partition and offset. What is written meanwhile is no part of it.
 * @throws retryable while Kafka, Postgres or (for ids) the registry is away.
 */
export async function* readLetters(
  deps: ReadingDeps,
  filter: DeadLetterFilter = {},
): AsyncGenerator<LetterChunk, void, void> {
  let passed = 0;
  const { of, records } = await sourceOf(deps, filter);
  for await (const some of records) {
    const fitting = some.map(letterOf).filter((letter) => fits(filter, letter));
    const letters = await joined(deps, filter, await ofRequests(deps, filter, fitting));
    passed = Math.min(of, passed + some.length);
    yield { letters, passed, of };
  }
}

type Source = { readonly of: number; readonly records: AsyncIterable<readonly InRecord[]> };

async function sourceOf({ reader, names }: ReadingDeps, filter: DeadLetterFilter): Promise<Source> {
  const topic = names.dlq;
  if (filter.places !== undefined) {
    const places = filter.places.flatMap((text) => parsePlace(text) ?? []);
    return { of: places.length, records: readPlaces(reader, topic, places) };
  }
  const [bounds, since] = await Promise.all([
    reader.bounds(topic),
    filter.since_ms === undefined ? undefined : reader.at(topic, filter.since_ms),
  ]);
  const ranges = [...bounds].map(([partition, { low, end }]) => {
    const from = since === undefined ? low : (since.get(partition) ?? end);
    return { topic, partition, from: Math.min(Math.max(from, low), end), to: end };
  });
  const of = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  return { of, records: readRanges(reader, ranges) };
}

async function* readRanges(
  reader: Pick<RangeReader, "read">,
  ranges: readonly Parameters<RangeReader["read"]>[0][],
): AsyncGenerator<readonly InRecord[], void, void> {
  for (const range of ranges) yield* reader.read(range);
}

async function* readPlaces(
  reader: Pick<RangeReader, "readAt">,
  topic: string,
  places: readonly { readonly partition: number; readonly offset: number }[],
): AsyncGenerator<readonly InRecord[], void, void> {
  for (const [partition, some] of Map.groupBy(places, ({ partition }) => partition)) {
    const offsets = some.map(({ offset }) => offset).sort((one, other) => one - other);
    const found = await reader.readAt({ topic, partition }, offsets);
    yield offsets.flatMap((offset) => found.get(offset) ?? []);
  }
}

/** Only of those that can be of one of the requests, the value is looked into. */
async function ofRequests(
  { codec, names }: ReadingDeps,
  { ids }: DeadLetterFilter,
  letters: readonly DeadLetter[],
): Promise<readonly DeadLetter[]> {
  if (ids === undefined) return letters;
  const wanted = letters.filter((letter) => mayHoldId(letter, ids));
  const whose = await Promise.all(wanted.map((letter) => whoseIs(codec, names, letter)));
  return wanted.filter((_, index) => {
    const { id = "", replay } = whose[index] ?? {};
    return ids.includes(id) || ids.includes(replay?.of ?? "");
  });
}

async function joined(
  { rows }: ReadingDeps,
  { state }: DeadLetterFilter,
  letters: readonly DeadLetter[],
): Promise<readonly HandledLetter[]> {
  if (letters.length === 0) return [];
  const handled = await rows.of(letters);
  const all = letters.map((letter, index) => ({ letter, handled: handled[index] }));
  return state === undefined ? all : all.filter((one) => stateOf(one.handled) === state);
}
