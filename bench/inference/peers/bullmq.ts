/** A BullMQ worker on the same Redis: as many calls in flight, the answer kept as the job's return value. */
import { Worker } from "bullmq";
import { completed, modelCaller, ready } from "./call.ts";

const [redis_url = "", queue = "", concurrency = "1", base_url = ""] = process.argv.slice(2);

const call = modelCaller(base_url, Number(concurrency));
const worker = new Worker<{ body: string }, string>(
  queue,
  async ({ data }) => (await call(Buffer.from(data.body))).toString(),
  { connection: { url: redis_url }, concurrency: Number(concurrency) },
);
worker.on("completed", completed);
worker.on("error", (error) => console.error("bullmq:", error.message));
await worker.waitUntilReady();
ready();
