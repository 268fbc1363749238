/** Results on topics by tenant and label. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sinkSchema } from "../../../../libs/shared/config/outputs.ts";
import { isRetryable, unavailable } from "../../../../libs/shared/errors.ts";
import type { InRecord, TransactionItem } from "../../../../libs/shared/kafka/ports.ts";
import type { TopicPlan } from "../../../../libs/shared/kafka/topology.ts";
import { recordReader, sinkHandler } from "../../../../services/results/sinks/handler.ts";
import { KafkaSink } from "../../../../services/results/sinks/kafka.ts";
import { DEAD_LETTERS, inRecord, jsonCodec, MemoryPublisher, NAMES } from "../../../support/memory-ports.ts";

const assigned = { isAssigned: () => true, stopping: new AbortController().signal };

const result = (offset: number, tenant: string, team?: string): InRecord => {
  const metadata = team === undefined ? {} : { metadata: { team } };
  const value = { id: `r${offset}`, tenant, status: "succeeded", timing: {}, ...metadata, response: { n: offset } };
  return inRecord(value, { topic: NAMES.results, partition: 1, offset, headers: { traceparent: "00-a" } });
};

function setUp(given: object = {}, there: string[] = ["llm.results", "other.topic"]) {
  const settings = sinkSchema.parse({ type: "kafka", topic: "out.{tenant}.{label}", label: "team", ...given });
  if (settings.type !== "kafka") throw new Error("not a Kafka sink");
  const made: string[] = [];
  const published: TransactionItem[] = [];
  const publisher = new MemoryPublisher();
  const state = { ended: "committed" as "committed" | "fenced" | "away", lists: 0 };
  const sink = new KafkaSink({
    settings,
    read: recordReader({ codec: jsonCodec, publisher, dead_letters: DEAD_LETTERS, only: settings.only }),
    topics: {
      async list() {
        state.lists += 1;
        return there;
      },
      async make(plans) {
        made.push(...plans.map(({ topic }) => topic));
        there.push(...plans.map(({ topic }) => topic));
      },
    },
    plan: (topic) =>
      ({ topic, partitions: settings.partitions, replication_factor: 1, config: {} }) satisfies TopicPlan,
    transactions: {
      async publishOnce(_source, items) {
        if (state.ended === "away") throw unavailable("kafka", new Error("UNKNOWN_TOPIC_OR_PARTITION"));
        if (state.ended === "committed") published.push(...items);
        return state.ended;
      },
      forget: () => undefined,
    },
  });
  const topics = (): (string | undefined)[] => published.map(({ records }) => records[0]?.topic);
  return { handler: sinkHandler(sink), made, published, topics, publisher, state, there };
}

describe("a sink of topics", () => {
  test("writes each result as it is to its tenant's topic, made where it is missing, with its offset", async () => {
    const { handler, made, published, state } = setUp();
    const records = [result(0, "acme", "red"), result(1, "bolt"), result(2, "acme", "red")];
    await handler(records, assigned);
    assert.deepEqual(made, ["out.acme.red", "out.bolt._none"]);
    assert.deepEqual(
      published,
      records.map(({ offset, key, value, headers }, at) => ({
        offset,
        records: [{ topic: at === 1 ? "out.bolt._none" : "out.acme.red", key, value, headers }],
      })),
    );
    await handler([result(3, "acme", "red")], assigned);
    assert.deepEqual([made.length, state.lists], [2, 1]);
  });

  test("moves the offset past what is left out, and makes a dead letter of what nobody can read", async () => {
    const { handler, published, publisher, topics } = setUp({ only: { tenants: ["acme"], metadata: { team: "red" } } });
    const unreadable = inRecord("{", { topic: NAMES.results, partition: 1, offset: 9 });
    await handler(
      [result(0, "bolt", "red"), result(1, "acme", "blue"), result(2, "acme", "red"), unreadable],
      assigned,
    );
    assert.deepEqual(topics(), [undefined, undefined, "out.acme.red", undefined]);
    assert.deepEqual(
      published.map(({ offset }) => offset),
      [0, 1, 2, 9],
    );
    assert.deepEqual(
      publisher.records.map(({ topic }) => topic),
      [NAMES.dlq],
    );
  });

  test("keeps the number of topics within its bound", async () => {
    const { handler, made, topics } = setUp({ topics_max: 3 }, ["out.acme.old"]);
    await handler(
      [result(0, "acme", "a"), result(1, "acme", "b"), result(2, "acme", "old"), result(3, "acme", "a")],
      assigned,
    );
    assert.deepEqual(made, ["out.acme.a", "out._other._other"]);
    assert.deepEqual(topics(), ["out.acme.a", "out._other._other", "out.acme.old", "out.acme.a"]);
  });

  test("looks for its topics again after an error, since one may have been removed", async () => {
    const { handler, made, state, there } = setUp();
    await handler([result(0, "acme", "red")], assigned);
    there.length = 0;
    state.ended = "away";
    await assert.rejects(async () => handler([result(1, "acme", "red")], assigned), isRetryable);
    state.ended = "committed";
    await handler([result(1, "acme", "red")], assigned);
    assert.deepEqual(made, ["out.acme.red", "out.acme.red"]);
  });

  test("fenced, it goes on only with a partition that it holds", async () => {
    const { handler, state } = setUp();
    state.ended = "fenced";
    await assert.rejects(async () => handler([result(0, "acme")], assigned), isRetryable);
    await handler([result(0, "acme")], { ...assigned, isAssigned: () => false });
  });
});
