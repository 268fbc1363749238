/** Recorded traffic on real parts: requests, their outcomes and their rows, as the services would have written them. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Kafka } from "kafkajs";
import { systemClock } from "../../libs/shared/clock.ts";
import { readEnvironment } from "../../libs/shared/config/environment.ts";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";
import { ORIGIN_HEADER } from "../../libs/shared/events/headers.ts";
import { originText } from "../../libs/shared/events/origin.ts";
import { RegistryCodec } from "../../libs/shared/events/registry.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { type TopicNames, topicEvents, topicNames } from "../../libs/shared/events/topics.ts";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { RangeReader } from "../../libs/shared/kafka/range-reader.ts";
import { KafkaTopicMaker } from "../../libs/shared/kafka/topic-maker.ts";
import { planTopics } from "../../libs/shared/kafka/topology.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { migrate } from "../../libs/shared/postgres/migrations.ts";
import { type Claim, PostgresClaimStore } from "../../services/results/claims.ts";
import { buildResult } from "../../services/results/result.ts";
import { createDatabase, type TestDatabase } from "./database.ts";

export const NO_PARTS =
  process.env["KAFKA_BROKERS"] === undefined || process.env["DATABASE_URL"] === undefined
    ? "there are no parts"
    : false;
const SHIPPED = readFileSync(new URL("../../sluice.yaml", import.meta.url), "utf8");
const CLAIMED_AT_ONCE = 500;

export type Traffic = {
  readonly settings: Settings;
  readonly names: TopicNames;
  readonly kafka: Kafka;
  readonly codec: RegistryCodec;
  readonly database: TestDatabase;
  readonly producer: BatchingProducer;
  /** All that stands on a topic, by partition and offset. */
  all(topic: string): Promise<readonly InRecord[]>;
  /** Writes an outcome and a claim for requests as they stand on their topic. */
  answer(requests: readonly InRecord[], endingOf: (at: number) => Partial<OutcomeHead>): Promise<readonly Claim[]>;
  close(): Promise<void>;
};

export async function openTraffic(name: string, partitions: number): Promise<Traffic> {
  const tag = `${name}${randomBytes(3).toString("hex")}`;
  const parsed = parseSettings(SHIPPED, "test.yaml");
  const settings: Settings = { ...parsed, topics: { ...parsed.topics, prefix: `${tag}.`, partitions } };
  const environment = readEnvironment(process.env);
  const kafka = createKafka({ ...environment.kafka, client_id: tag, log: silentLog });
  const names = topicNames(settings.topics.prefix);
  const codec = new RegistryCodec({
    ...environment.registry,
    record_bytes_max: settings.topics.record_bytes_max,
    now_ms: systemClock.now_ms,
  });
  const producer = new BatchingProducer(kafka, settings.producer);
  const database = await createDatabase(name);
  await Promise.all([
    migrate(database.pool),
    new KafkaTopicMaker(kafka).make(planTopics(settings)),
    codec.register(
      topicEvents(settings.topics.prefix, Object.keys(settings.tiers)),
      settings.schema_registry.compatibility,
    ),
    producer.connect(),
  ]);
  const reader = new RangeReader(kafka);
  const all = async (topic: string): Promise<readonly InRecord[]> => {
    const found: InRecord[] = [];
    for (const [partition, { low, end }] of await reader.bounds(topic)) {
      for await (const records of reader.read({ topic, partition, from: low, to: end })) found.push(...records);
    }
    return found;
  };
  return {
    ...{ settings, names, kafka, codec, database, producer, all },
    async answer(requests, endingOf) {
      const heads = requests.map((request, at) => outcomeHeadOf(request, endingOf(at)));
      const records = heads.map((head, at) => outcomeRecordOf({ codec, names }, requests[at] as InRecord, head));
      await producer.publish(records);
      const claims = claimsOf(heads, requests, await all(names.outcomes));
      const store = new PostgresClaimStore(database.pool);
      for (let at = 0; at < claims.length; at += CLAIMED_AT_ONCE) {
        await store.claim(claims.slice(at, at + CLAIMED_AT_ONCE));
      }
      return claims;
    },
    async close() {
      await reader.close();
      await producer.close();
      await database.drop();
    },
  };
}

/** A request as any producer writes it. */
export function requestOf(topic: string, id: string, more: object = {}): OutRecord {
  const body = { model: "auto", messages: [{ role: "user", content: `Say ${id}.` }] };
  return { topic, key: id, value: Buffer.from(JSON.stringify({ tenant: "demo", id, body, ...more })) };
}

function outcomeHeadOf(request: InRecord, ending: Partial<OutcomeHead>): OutcomeHead {
  const { tenant, id, metadata } = JSON.parse(request.value?.toString() ?? "{}") as {
    readonly tenant: string;
    readonly id?: string;
    readonly metadata?: Record<string, string>;
  };
  return {
    id: id ?? `${request.topic}-${request.partition}-${request.offset}`,
    tenant,
    content_hash: `hash of ${id}`,
    status: "succeeded",
    timing: { received: request.timestamp_ms, completed: request.timestamp_ms + 100 },
    ...(metadata === undefined ? {} : { metadata }),
    ...ending,
  };
}

const ANSWER = Buffer.from(JSON.stringify({ choices: [{ message: { role: "assistant", content: "Well said." } }] }));

function outcomeRecordOf(
  { codec, names }: Pick<Traffic, "codec" | "names">,
  request: InRecord,
  head: OutcomeHead,
): OutRecord {
  const headers = { [ORIGIN_HEADER]: originText(request) };
  const topic = names.outcomes;
  const key = request.key;
  if (head.status !== "succeeded") {
    return { topic, key, value: codec.encode(topic, Buffer.from(JSON.stringify(head))), headers };
  }
  const { json, carried_at } = splice(head, "response", ANSWER);
  return {
    ...{ topic, key, value: codec.encode(topic, ...json) },
    headers: { ...headers, [CARRIED_AT_HEADER]: String(carried_at) },
  };
}

function claimsOf(
  heads: readonly OutcomeHead[],
  requests: readonly InRecord[],
  outcomes: readonly InRecord[],
): readonly Claim[] {
  const places = new Map(outcomes.map((record) => [record.headers[ORIGIN_HEADER], record]));
  return heads.map((head, at) => {
    const record = places.get(originText(requests[at] as InRecord)) as InRecord;
    const { topic, partition, offset, headers } = record;
    const { row } = buildResult(head, head.status === "succeeded" ? ANSWER : undefined, headers);
    const { tenant, id, content_hash } = head;
    return { tenant, id, content_hash, place: { topic, partition, offset }, row };
  });
}
