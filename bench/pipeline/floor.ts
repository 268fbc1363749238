/**
 * The floor: a process that only forwards, through as many kafkajs hops as a request takes, with a timer of the model's latency
 * where the model is called. It validates, keeps and promises nothing; what Sluice costs is read as a ratio to it.
 */
import { createKafka } from "../../libs/shared/kafka/client.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { readAs } from "../support/member.ts";

const [brokers = "", prefix = "", model_ms = "20"] = process.argv.slice(2);

/** requests → admitted → jobs → outcomes → results: four forwarders between five topics. */
const HOPS = 4;
const MODEL_HOP = 2;

const kafka = createKafka({ brokers: brokers.split(","), client_id: "floor", log: silentLog });
const producer = new BatchingProducer(kafka, { request_records_max: 1_000, request_bytes_max: 4 * 1024 * 1024 });
await producer.connect();

for (let hop = 0; hop < HOPS; hop += 1) {
  await readAs(kafka, `${prefix}${hop}`, `${prefix}${hop}`, (records) => {
    const forward = (): void =>
      void producer.publish(records.map(({ key, value }) => ({ topic: `${prefix}${hop + 1}`, key, value })));
    if (hop === MODEL_HOP) setTimeout(forward, Number(model_ms));
    else forward();
  });
}
process.send?.("ready");
process.once("SIGTERM", () => process.exit(0));
