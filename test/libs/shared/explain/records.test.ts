/** What is found of a request on topics, in short stretches. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findRecords, type RecordsAsk, type TopicReads } from "../../../../libs/shared/explain/records.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

/** Partitions as lists, from offset 0; counts what is read. */
class MemoryReads implements TopicReads {
  readonly #topics = new Map<string, InRecord[][]>();
  read_records = 0;

  add(
    topic: string,
    partition: number,
    at_ms: number,
    value: object | string,
    headers: Record<string, string> = {},
  ): void {
    const partitions = this.#topics.get(topic) ?? [[], []];
    const records = partitions[partition] as InRecord[];
    const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    records.push({ topic, partition, offset: records.length, key: null, value: bytes, headers, timestamp_ms: at_ms });
    this.#topics.set(topic, partitions);
  }

  async bounds(topic: string) {
    return new Map((this.#topics.get(topic) ?? []).map((records, at) => [at, { low: 0, end: records.length }]));
  }

  async at(topic: string, time_ms: number) {
    const firstOf = (records: InRecord[]) => records.find(({ timestamp_ms }) => timestamp_ms >= time_ms)?.offset;
    return new Map((this.#topics.get(topic) ?? []).map((records, at) => [at, firstOf(records)]));
  }

  async *read({ topic, partition, from, to }: { topic: string; partition: number; from: number; to: number }) {
    const records = (this.#topics.get(topic)?.[partition] ?? []).slice(from, to);
    this.read_records += records.length;
    yield records;
  }
}

const ASK: RecordsAsk = {
  ...{
    tenant: "demo",
    id: "r1",
    origin: "llm.requests 0 5",
    outcome: { topic: NAMES.outcomes, partition: 1, offset: 3 },
  },
  ...{ received_ms: 10_000, admitted_ms: 10_010, completed_ms: 11_000 },
};
const ENTRY = { tenant: "demo", id: "r1", hold_id: "h", reserved_nusd: 2_000, settled_nusd: 0, counters: [] };

const find = (reads: MemoryReads, ask: Partial<RecordsAsk> = {}) =>
  findRecords({ reads, names: NAMES, codec: jsonCodec }, { ...ASK, ...ask });

describe("on topics", () => {
  test("the Result is found on its outcome's partition first, whoever else has the id", async () => {
    const reads = new MemoryReads();
    reads.add(NAMES.results, 0, 11_100, { id: "r1", tenant: "other" });
    reads.add(NAMES.results, 1, 5_000, { id: "r1", tenant: "demo" });
    reads.add(NAMES.results, 1, 11_100, { id: "r1", tenant: "other" });
    reads.add(NAMES.results, 1, 11_200, { id: "r1", tenant: "demo" });
    const { result } = await find(reads);
    assert.deepEqual([result?.partition, result?.offset], [1, 2]);
    assert.equal(reads.read_records, 2);
  });

  test("the ledger's entries are those of the request, each once, in order", async () => {
    const reads = new MemoryReads();
    reads.add(NAMES.usage, 0, 10_020, { ...ENTRY, kind: "reserved", cause: "admitted", at_ms: 10_020 });
    reads.add(NAMES.usage, 0, 10_030, { ...ENTRY, id: "r10", kind: "reserved", cause: "admitted", at_ms: 10_030 });
    reads.add(NAMES.usage, 0, 11_010, {
      ...ENTRY,
      kind: "settled",
      cause: "result",
      settled_nusd: 1_000,
      at_ms: 11_010,
    });
    reads.add(NAMES.usage, 0, 11_010, '{"kind":"settled","id":"r1","garbage":true}');
    const { ledger } = await find(reads);
    assert.deepEqual(
      ledger.map(({ kind, offset, settled_usd }) => [kind, offset, settled_usd]),
      [
        ["reserved", 0, 0],
        ["settled", 2, 0.000_001],
      ],
    );
  });

  test("a dead letter is found by its request's place, and by its bytes where no service wrote it", async () => {
    const reads = new MemoryReads();
    const of = (code: string, origin?: string) => ({
      "sluice-error-code": code,
      "sluice-service": "inference",
      ...(origin === undefined ? {} : { "sluice-origin": origin }),
    });
    reads.add(NAMES.dlq, 0, 10_500, "garbage", of("provider_error", "llm.requests 0 5 9990"));
    reads.add(NAMES.dlq, 0, 10_500, { id: "r1", tenant: "demo" }, of("id_conflict", "llm.requests 0 6 9990"));
    reads.add(NAMES.dlq, 1, 10_500, { id: "r1", tenant: "demo" });
    reads.add(NAMES.dlq, 1, 10_500, { id: "r1", tenant: "other" });
    const { letters } = await find(reads);
    assert.deepEqual(
      letters.map(({ partition, code }) => [partition, code]),
      [
        [0, "provider_error"],
        [1, "unknown"],
      ],
    );
  });

  test("only so much is read, and nothing of what has no time", async () => {
    const reads = new MemoryReads();
    for (let at = 0; at < 5_000; at += 1) reads.add(NAMES.results, 0, 11_000, { id: `x${at}`, tenant: "demo" });
    reads.add(NAMES.results, 0, 11_000, { id: "r1", tenant: "demo" });
    assert.equal((await find(reads)).result, undefined);
    assert.equal(reads.read_records, 2_000);
    const none = await find(reads, { completed_ms: undefined, admitted_ms: undefined, received_ms: undefined });
    assert.deepEqual(none, { result: undefined, ledger: [], letters: [] });
  });
});
