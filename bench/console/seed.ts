/** Makes one of each thing that a page of the console shows. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { silentLog } from "../../libs/shared/log.ts";
import type { Shown } from "./pages.ts";

export type Seeded = Shown & { stop(): void };

type SeedInput = {
  readonly gateway_url: string;
  readonly admin_key: string;
  readonly brokers: string;
  readonly requests_topic: string;
  readonly signal: AbortSignal;
};

const LINES = 8;
const LETTERS = 20;
const WAIT_MS_MAX = 60_000;
const LOOK_MS = 250;

export async function seed(input: SeedInput): Promise<Seeded> {
  const { signal } = input;
  const call = callOf(input);
  const receiver = await receiverOf();
  const { port } = receiver.address() as AddressInfo;
  await call("POST", "/v1/webhooks", { url: `http://127.0.0.1:${port}/hook`, events: ["batch.completed"] });
  const change = { of: "prompt", tier: "small", prompt: "v2" };
  await call("POST", "/admin/rollouts", { name: "bench", change, percent: 50, manual: true });
  await writeGarbage(input);
  const batch = await makeBatch(call);
  const request = `bench-${Date.now()}`;
  await call("POST", "/v1/requests", {
    id: request,
    body: { messages: [{ role: "user", content: "What is shown?" }] },
  });
  const replay = await call<{ id: string }>("POST", "/admin/replays", {
    spec: { mode: "reuse", selection: { limit: 20 } },
  });
  await until(
    signal,
    async () => (await call<{ result?: object }>("GET", `/v1/requests/${request}`)).result !== undefined,
  );
  for (const path of ["/admin/deliveries", "/admin/dead-letters"]) {
    await until(signal, async () => (await call<{ data: readonly unknown[] }>("GET", path)).data.length > 0);
  }
  return { request, batch, replay: replay.id, rollout: "bench", stop: () => receiver.close() };
}

type Call = <T = unknown>(method: string, path: string, body?: object) => Promise<T>;

function callOf({ gateway_url, admin_key }: SeedInput): Call {
  return async <T>(method: string, path: string, body?: object) => {
    const is_form = body instanceof FormData;
    const reply = await fetch(`${gateway_url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${admin_key}`,
        ...(body === undefined || is_form ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: is_form ? body : JSON.stringify(body) }),
    });
    if (!reply.ok) throw new Error(`${method} ${path} answered ${reply.status}: ${await reply.text()}`);
    return (await reply.json()) as T;
  };
}

/** Takes every callback. */
async function receiverOf(): Promise<Server> {
  const server = createServer((request, reply) => {
    request.resume().on("end", () => reply.writeHead(204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function writeGarbage({ brokers, requests_topic }: SeedInput): Promise<void> {
  const kafka = createKafka({ brokers: brokers.split(","), client_id: "bench", log: silentLog });
  const producer = new BatchingProducer(kafka, { request_records_max: 1_000, request_bytes_max: 4 * 1024 * 1024 });
  await producer.connect();
  const values = Array.from({ length: LETTERS }, (_, at) => Buffer.from(`{garbage ${at}`));
  await producer.publish(values.map((value) => ({ topic: requests_topic, key: null, value })));
  await producer.close();
}

async function makeBatch(call: Call): Promise<string> {
  const lines = Array.from({ length: LINES }, (_, at) => {
    const body = { model: "small", messages: [{ role: "user", content: `line ${at} of a batch` }] };
    return JSON.stringify({ custom_id: `line-${at}`, method: "POST", url: "/v1/chat/completions", body });
  });
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new Blob([lines.join("\n")]), "lines.jsonl");
  const file = await call<{ id: string }>("POST", "/v1/files", form);
  const spec = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  return (await call<{ id: string }>("POST", "/v1/batches", spec)).id;
}

async function until(signal: AbortSignal, is_so: () => Promise<boolean>): Promise<void> {
  for (const from_ms = performance.now(); !(await is_so()); ) {
    if (performance.now() - from_ms > WAIT_MS_MAX)
      throw new Error(`what the pages show is not there after ${WAIT_MS_MAX} ms`);
    await sleep(LOOK_MS, undefined, { signal });
  }
}
