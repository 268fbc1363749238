/** What most write first: a kafkajs consumer whose `eachMessage` awaits the call and produces the answer. */
import { createKafka } from "../../../libs/shared/kafka/client.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { completed, modelCaller, ready } from "./call.ts";

const [brokers = "", from = "", to = "", base_url = ""] = process.argv.slice(2);

const kafka = createKafka({ brokers: brokers.split(","), client_id: "each-message", log: silentLog });
const call = modelCaller(base_url, 1);
const producer = kafka.producer();
await producer.connect();
const consumer = kafka.consumer({ groupId: `each-message-${process.pid}` });
await consumer.connect();
await consumer.subscribe({ topics: [from], fromBeginning: true });
const { GROUP_JOIN } = consumer.events;
consumer.on(GROUP_JOIN, ready);
await consumer.run({
  partitionsConsumedConcurrently: 1,
  async eachMessage({ message }) {
    const answer = await call(message.value ?? Buffer.alloc(0));
    await producer.send({ topic: to, messages: [{ key: message.key, value: answer }] });
    completed();
  },
});
