/** Sinks on a real Kafka and a folder: started, ended in the middle, and started again. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Registry } from "prom-client";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { readEnvironment } from "../../../../libs/shared/config/environment.ts";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import { RegistryCodec } from "../../../../libs/shared/events/registry.ts";
import { topicNames } from "../../../../libs/shared/events/topics.ts";
import { createKafka } from "../../../../libs/shared/kafka/client.ts";
import { BatchingProducer } from "../../../../libs/shared/kafka/producer.ts";
import { QueueRoom } from "../../../../libs/shared/kafka/queue-room.ts";
import { KafkaTopicMaker } from "../../../../libs/shared/kafka/topic-maker.ts";
import { planTopics } from "../../../../libs/shared/kafka/topology.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { ServiceContext } from "../../../../libs/shared/service.ts";
import { type RunningSinks, startSinks } from "../../../../services/results/sinks/start.ts";
import { TopicLog } from "../../../support/pipeline/topic-log.ts";
import { until } from "../../../support/until.ts";

const NO_PARTS = process.env["KAFKA_BROKERS"] === undefined ? "KAFKA_BROKERS names no Kafka" : false;
const tag = `sinks${randomBytes(3).toString("hex")}`;
const SHIPPED = readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8");
const SINKS = `
results:
  sinks:
    archive: { type: jsonl, url_env: TEST_ARCHIVE, records_max: 7, wait_ms: 500, only: { tenants: [acme, bolt] } }
    tenants: { type: kafka, topic: "${tag}-out.{tenant}", partitions: 1 }
`;

function openContext(): ServiceContext {
  const parsed = parseSettings(`${SHIPPED}${SINKS}`, "test.yaml");
  const settings: ServiceContext["settings"] = {
    ...parsed,
    topics: { ...parsed.topics, prefix: `${tag}.`, partitions: 2 },
    consumption: { ...parsed.consumption, group_prefix: `${tag}.` },
  };
  const environment = readEnvironment(process.env);
  const kafka = createKafka({ ...environment.kafka, client_id: tag, log: silentLog });
  return {
    ...{ name: "results", instance: tag, environment, settings, kafka, log: silentLog },
    names: topicNames(settings.topics.prefix),
    metrics: new Registry(),
    producer: new BatchingProducer(kafka, settings.producer),
    codec: new RegistryCodec({
      ...environment.registry,
      record_bytes_max: settings.topics.record_bytes_max,
      now_ms: systemClock.now_ms,
    }),
    retry: { clock: systemClock, random: Math.random, log: silentLog, policy: settings.consumption.retry },
    queue_room: new QueueRoom(settings.consumption.queued_bytes_max),
  };
}

describe("sinks", { skip: NO_PARTS }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sinks-"));
  const env = { TEST_ARCHIVE: pathToFileURL(folder).href };
  const context = NO_PARTS ? (undefined as never) : openContext();
  let running: RunningSinks | undefined;
  before(async () => {
    const plans = planTopics(context.settings).filter(({ topic }) => topic === context.names.results);
    await new KafkaTopicMaker(context.kafka).make(plans);
    await context.producer.connect();
  });
  after(async () => {
    await running?.stop();
    await context.producer.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const produce = (from: number, to: number): Promise<void> =>
    context.producer.publish(
      Array.from({ length: to - from }, (_, at) => {
        const id = `r${from + at}`;
        const tenant = ["acme", "bolt", "core"][(from + at) % 3] as string;
        const value = Buffer.from(JSON.stringify({ id, tenant, status: "succeeded", timing: {} }));
        return { topic: context.names.results, key: id, value };
      }),
    );
  const archived = (): string[] =>
    globSync("**/*.jsonl", { cwd: folder }).flatMap((file) =>
      readFileSync(join(folder, file), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { id: string }).id),
    );
  const ids = (until_id: number, tenants: readonly number[]): string[] =>
    Array.from({ length: until_id }, (_, at) => at)
      .filter((at) => tenants.includes(at % 3))
      .map((at) => `r${at}`);
  const onTopic = async (tenant: string): Promise<string[]> =>
    (await TopicLog.readAll(context.kafka, `${tag}-out.${tenant}`)).map(({ key }) => String(key));

  test("have each result once, also when they are ended in the middle", async () => {
    await produce(0, 30);
    running = await startSinks(context, env);
    assert.deepEqual([...running.consumptions.keys()], [`${tag}.results.sink.archive`, `${tag}.results.sink.tenants`]);
    await until("the first files", () => archived().length > 0);
    await running.stop();
    running = undefined;
    await produce(30, 60);
    running = await startSinks(context, env);
    const wanted = ids(60, [0, 1]).toSorted();
    await until("all in files", () => archived().length >= wanted.length);
    assert.deepEqual(archived().toSorted(), wanted);
    await until("all on topics", async () => (await onTopic("core")).length >= 20);
    for (const [at, tenant] of ["acme", "bolt", "core"].entries()) {
      assert.deepEqual((await onTopic(tenant)).toSorted(), ids(60, [at]).toSorted());
    }
  });

  test("need their place", async () => {
    await assert.rejects(startSinks(context, {}), /results.sinks.archive needs the variable TEST_ARCHIVE/);
  });
});
