/** Which key has most of a partition's newest records: a bounded reading, without a group. */
import { createHash } from "node:crypto";
import type { Kafka } from "kafkajs";
import { RangeReader } from "../kafka/range-reader.ts";
import type { HotKey } from "./observation.ts";

const RECORDS_MAX = 500;
const KEY_CHARS_MAX = 100;

/** @param named whether the key itself is given: sessions may be personal. @returns undefined where there are no records. */
export async function readHotKey(
  kafka: Kafka,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  named: boolean,
): Promise<HotKey | undefined> {
  const reader = new RangeReader(kafka);
  try {
    const { low = 0, end = 0 } = (await reader.bounds(topic)).get(partition) ?? {};
    const counts = new Map<string, { count: number; readonly key: string }>();
    let records = 0;
    for await (const some of reader.read({ topic, partition, from: Math.max(low, end - RECORDS_MAX), to: end })) {
      for (const { key } of some) {
        records += 1;
        if (key === null) continue;
        // A key may be of any length: what is kept of it is not.
        const digest = createHash("sha256").update(key).digest("base64");
        const seen = counts.get(digest);
        if (seen === undefined) counts.set(digest, { count: 1, key: key.toString().slice(0, KEY_CHARS_MAX) });
        else seen.count += 1;
      }
    }
    const [most] = [...counts.values()].sort((one, other) => other.count - one.count);
    if (most === undefined) return undefined;
    const name = named ? { key: most.key } : {};
    return { topic, partition, ...name, share: most.count / records, keys: counts.size, records };
  } finally {
    await reader.close();
  }
}
