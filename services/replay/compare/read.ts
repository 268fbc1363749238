/** Reads what a comparison is of: a replay's Results from its topic, the original ones by their rows. */

import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import { RangeReader } from "../../../libs/shared/kafka/range-reader.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import { findResults } from "../../../libs/shared/postgres/results.ts";
import type { ReplayParts } from "../parts.ts";
import { nameOf } from "../reading/originals.ts";
import type { ResultId } from "./compare-results.ts";

/** In chunks as they are read, partition by partition. @throws `usage` where there is no such topic; retryable while Kafka is away. */
export async function* replayedResults(
  { kafka, codec }: Pick<ReplayParts, "kafka" | "codec">,
  topic: string,
): AsyncGenerator<readonly Result[], void, void> {
  const reader = new RangeReader(kafka);
  try {
    for (const [partition, { low, end }] of await reader.bounds(topic)) {
      for await (const records of reader.read({ topic, partition, from: low, to: end })) {
        const results = await Promise.all(records.map((record) => resultIn(codec, record)));
        yield results.filter((result) => result !== undefined);
      }
    }
  } finally {
    await reader.close();
  }
}

async function resultIn(codec: EventCodec, record: Parameters<EventCodec["decode"]>[0]): Promise<Result | undefined> {
  const decoded = await codec.decode(record);
  return decoded.kind === "unreadable" ? undefined : (parseJson(decoded.payload) as Result | undefined);
}

/** How many there are, about: marks of transactions are counted with them. */
export async function resultsOn({ kafka }: Pick<ReplayParts, "kafka">, topic: string): Promise<number> {
  const reader = new RangeReader(kafka);
  try {
    return [...(await reader.bounds(topic)).values()].reduce((sum, { low, end }) => sum + end - low, 0);
  } finally {
    await reader.close();
  }
}

/** In the order asked. @throws retryable while Postgres is away. */
export async function originalResults(
  pool: Pool,
  asked: readonly ResultId[],
): Promise<readonly (Result | undefined)[]> {
  const rows = await findResults(pool, asked);
  const found = new Map(rows.map((row) => [nameOf(row), row.result]));
  return asked.map((one) => {
    const text = found.get(nameOf(one));
    return text === undefined ? undefined : (JSON.parse(text) as Result);
  });
}
