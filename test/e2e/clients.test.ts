/** Requests as other programs write them: kcat and librdkafka with every compression, Python, Avro through the registry. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const run = promisify(execFile);
const require = createRequire(import.meta.url);

const PYTHON_PRODUCER = `
import json, sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "compression.type": sys.argv[4]})
body = {"messages": [{"role": "user", "content": "from Python: \\u00e4\\u00f6\\u00fc \\U0001f600"}]}
producer.produce(sys.argv[2], json.dumps({"tenant": "demo", "id": sys.argv[3], "body": body}))
sys.exit(producer.flush(30))
`;

const kcat = await works("kcat", ["-V"]);
const python = await works("python3", ["-c", "import confluent_kafka"]);

const DRAFTS = ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"] as const;

describe("clients of other makes", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({ name: "clients" });
  });
  after(() => pipeline.stop());

  test("kcat: one line in, one result out", { skip: !kcat && "kcat is not installed" }, async () => {
    const { records } = pipeline.results;
    const known = records.length;
    await pipeKcat(pipeline, [], '{"tenant":"demo","body":{"messages":[{"role":"user","content":"hi"}]}}\n');
    await pipeline.results.until(
      () => records.length > known,
      () => "the result",
    );
    await pipeline.settled();
    assert.equal(records.length, known + 1);
  });

  for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
    test(`kcat with ${codec}`, { skip: !kcat && "kcat is not installed" }, async () => {
      const ids = Array.from({ length: 50 }, (_, index) => pipeline.id(`${codec}-${index}`));
      // Repetitive text, so that the client really compresses; some of it larger than a block of any codec.
      const lines = ids.map((id, index) => {
        const content = `${codec} `.repeat(index === 7 ? 40_000 : 20);
        return JSON.stringify({ tenant: "demo", id, body: chat(content, { max_tokens: 5 }) });
      });
      await pipeKcat(pipeline, ["-z", codec], `${lines.join("\n")}\n`);
      const results = await pipeline.resultsOf(ids);
      for (const id of ids) assert.equal(only(results, id).status, "succeeded");
    });
  }

  for (const codec of ["none", "lz4"]) {
    const skip = !python && "Python's confluent-kafka is not importable";
    test(`Python's confluent-kafka, compression ${codec}`, { skip }, async () => {
      const id = pipeline.id(`python-${codec}`);
      const brokers = pipeline.env["KAFKA_BROKERS"] ?? "";
      await run("python3", ["-c", PYTHON_PRODUCER, brokers, pipeline.names.requests, id, codec]);
      assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
    });
  }

  test("Avro, under a schema of the producer's own", async () => {
    const id = pipeline.id("avro");
    const value = await encodeAvro(pipeline, "orders-value", {
      tenant: "demo",
      id,
      body: { messages: [{ role: "user", content: "from Avro" }] },
    });
    await pipeline.produce([{ value }]);
    assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
  });

  test("Avro bytes that do not fit their schema are a dead letter", async () => {
    const good = await encodeAvro(pipeline, "orders-value", {
      tenant: "demo",
      id: pipeline.id("cut"),
      body: { messages: [{ role: "user", content: "cut short" }] },
    });
    const known = pipeline.dlq.records.length;
    const value = good.subarray(0, 20);
    await pipeline.produce([{ value }]);
    const letter = (await pipeline.deadLetters(known + 1))[known];
    assert.deepEqual(letter?.value, value);
    assert.equal(letter?.headers["sluice-error-code"], "value_undecodable");
  });

  for (const [index, draft] of DRAFTS.entries()) {
    test(`JSON under a schema of the producer's own is checked like plain JSON: ${draft}`, async () => {
      const [good, bad] = [pipeline.id(`good-${index}`), pipeline.id(`bad-${index}`)];
      const subject = pipeline.id(`json-${index}`);
      const schema_id = await registerJson(pipeline, subject, { $schema: draft, type: "object", title: subject });
      const framed = (value: object) => {
        const header = Buffer.alloc(5);
        header.writeUInt32BE(schema_id, 1);
        return Buffer.concat([header, Buffer.from(JSON.stringify(value))]);
      };
      await pipeline.produce([
        { value: framed({ tenant: "demo", id: good, body: chat("foreign") }) },
        { value: framed({ tenant: "demo", id: bad, body: { messages: [] } }) },
      ]);
      const results = await pipeline.resultsOf([good, bad]);
      assert.equal(only(results, good).status, "succeeded");
      assert.equal(only(results, bad).error?.param, "body.messages");
    });
  }
});

/** As any producer registers it: the draft is nothing to us. */
async function registerJson({ env }: Pipeline, subject: string, schema: object): Promise<number> {
  const response = await fetch(`${env["SCHEMA_REGISTRY_URL"]}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: "POST",
    headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
    body: JSON.stringify({ schemaType: "JSON", schema: JSON.stringify(schema) }),
  });
  const { id } = (await response.json()) as { id: number };
  assert.ok(Number.isInteger(id), `${response.status}`);
  return id;
}

const AVRO_SCHEMA = {
  type: "record",
  name: "Order",
  namespace: "shop",
  fields: [
    { name: "tenant", type: "string" },
    { name: "id", type: "string" },
    {
      name: "body",
      type: {
        type: "record",
        name: "Body",
        fields: [
          {
            name: "messages",
            type: {
              type: "array",
              items: {
                type: "record",
                name: "Message",
                fields: [
                  { name: "role", type: "string" },
                  { name: "content", type: "string" },
                ],
              },
            },
          },
        ],
      },
    },
  ],
};

function registryClient(pipeline: Pipeline) {
  const { SchemaRegistry, SchemaType } =
    require("@kafkajs/confluent-schema-registry") as typeof import("@kafkajs/confluent-schema-registry");
  return { registry: new SchemaRegistry({ host: pipeline.env["SCHEMA_REGISTRY_URL"] ?? "" }), types: SchemaType };
}

async function encodeAvro(pipeline: Pipeline, name: string, value: object): Promise<Buffer> {
  const { registry, types } = registryClient(pipeline);
  const schema = JSON.stringify(AVRO_SCHEMA);
  const { id } = await registry.register({ type: types.AVRO, schema }, { subject: pipeline.id(name) });
  return registry.encode(id, value);
}

function pipeKcat(pipeline: Pipeline, flags: readonly string[], input: string): Promise<void> {
  const brokers = pipeline.env["KAFKA_BROKERS"] ?? "";
  const args = ["-P", "-b", brokers, "-t", pipeline.names.requests, "-X", "message.max.bytes=4000000", ...flags];
  const child = spawn("kcat", args, { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`kcat ended with ${code}`))));
  });
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, [...args]).then(
    () => true,
    () => false,
  );
}
