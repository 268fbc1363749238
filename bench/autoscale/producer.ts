/**
 * Sends requests at rates that change, open-loop: each is due at its time, whatever became of those before. A process of its own, so that
 * nothing else delays it. `producer.ts BROKERS TOPIC PREFIX '[{"per_s":50,"seconds":30},…]'`; one JSON object a second.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { duePhases, type Phase } from "./phases.ts";

const TICK_MS = 25;

const [brokers = "", topic = "", prefix = "", phases_text = "[]"] = process.argv.slice(2);
const phases = JSON.parse(phases_text) as readonly Phase[];
const kafka = createKafka({ brokers: brokers.split(","), client_id: "bench-autoscale", log: silentLog });
const producer = new BatchingProducer(kafka, { request_records_max: 1_000, request_bytes_max: 4 * 1024 * 1024 });
await producer.connect();
const start_ms = Date.now();
const sending: Promise<unknown>[] = [];
let sent = 0;
let told_s = 0;
const total = duePhases(phases, Number.POSITIVE_INFINITY);
while (sent < total) {
  const elapsed_ms = Date.now() - start_ms;
  const due = duePhases(phases, elapsed_ms);
  const ids = Array.from({ length: due - sent }, (_, index) => `${prefix}${sent + index}`);
  if (ids.length > 0) sending.push(producer.publish(ids.map(record)));
  sent = due;
  if (elapsed_ms >= (told_s + 1) * 1_000) {
    told_s = Math.floor(elapsed_ms / 1_000);
    process.stdout.write(`${JSON.stringify({ at_ms: Date.now(), sent })}\n`);
  }
  await sleep(TICK_MS);
}
await Promise.all(sending);
await producer.close();
process.stdout.write(`${JSON.stringify({ at_ms: Date.now(), sent, done: true })}\n`);

function record(id: string) {
  const request = {
    id,
    tenant: "demo",
    tier: "small",
    body: { messages: [{ role: "user", content: `Number ${id}` }] },
  };
  return { topic, key: id, value: Buffer.from(JSON.stringify(request)) };
}
