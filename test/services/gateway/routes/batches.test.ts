/** The routes of batches, called with OpenAI's own client where it knows them. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import OpenAI from "openai";
import { z } from "zod";
import type { BatchJob } from "../../../../libs/shared/jobs/batch.ts";
import { jobRequestId } from "../../../../libs/shared/jobs/job.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import {
  batchRequestSchema,
  batchSchema,
  newBatchBody,
  requestsQuery,
  retryBody,
} from "../../../../services/gateway/batch-replies.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { batchRoutes } from "../../../../services/gateway/routes/batches.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryFiles } from "../../../support/memory-files.ts";
import { MemoryJobs } from "../../../support/memory-jobs.ts";

const clock = new VirtualClock();
const jobs = new MemoryJobs();
const files = new MemoryFiles();
const keys = new KeyRing();
const own = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const other = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 2));
const reader = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 3));
for (const [{ id, hash }, tenant, scopes] of [
  [own, "demo", ["submit", "read"]],
  [other, "other", ["submit", "read"]],
  [reader, "demo", ["read"]],
] as const) {
  keys.apply({ id, record: { kind: "key", id, tenant, hash, scopes: [...scopes], created_ms: 0 } });
}
const NEW = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;

/** What the results service would save. */
async function save(
  id: string,
  status: BatchJob["status"],
  change: (state: BatchJob["state"]) => object,
): Promise<void> {
  const now_ms = clock.now_ms();
  const leased = await jobs.lease({ owner: "t", now_ms, until_ms: now_ms }, 100, [id]);
  const job = leased.find((one) => one.job.id === id)?.job as BatchJob;
  await jobs.save(job, "t", { status, state: { ...job.state, ...change(job.state) }, wake_ms: 1 }, now_ms);
}

describe("the routes of batches", () => {
  let app: FastifyInstance;
  let url: string;
  let client: OpenAI;
  before(async () => {
    app = Fastify();
    const routes = batchRoutes({
      ...{ keys, jobs, files, clock },
      events: async (_http, reply, of) => reply.send(of),
    });
    routes(app);
    url = await app.listen({ port: 0, host: "127.0.0.1" });
    client = new OpenAI({ apiKey: own.key, baseURL: `${url}/v1`, maxRetries: 0 });
  });
  after(() => app.close());
  const call = (method: "GET" | "POST", path: string, payload?: object, key = own.key, headers = {}) =>
    app.inject({
      method,
      url: path,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(payload === undefined ? {} : { payload }),
    });

  test("make, show and list batches as OpenAI's client has them", async () => {
    const file = await files.put("demo", "{}");
    const made = await client.batches.create({
      ...{ ...NEW, input_file_id: file.id, metadata: { team: "a" } },
      output_expires_after: { anchor: "created_at", seconds: 3_600 },
    });
    assert.equal(made.object, "batch");
    assert.equal(made.status, "validating");
    assert.equal(made.created_at, Math.floor(clock.now_ms() / 1_000));
    assert.equal(made.expires_at, made.created_at + 86_400);
    assert.deepEqual(made.metadata, { team: "a" });
    assert.deepEqual(made.request_counts, { total: 0, completed: 0, failed: 0 });
    assert.deepEqual(await client.batches.retrieve(made.id), made);
    const second = await client.batches.create({ ...NEW, input_file_id: file.id });
    const listed: string[] = [];
    for await (const batch of client.batches.list({ limit: 1 })) listed.push(batch.id);
    assert.deepEqual(new Set(listed), new Set([made.id, second.id]));
    const cancelled = await client.batches.cancel(made.id);
    assert.equal(cancelled.status, "cancelling");
    assert.ok(cancelled.cancelling_at !== null);
    assert.equal(((await jobs.find("demo", "batch", made.id)) as BatchJob).spec.output_expires_after_s, 3_600);
  });

  test("refuse what is wrong, and name the field", async () => {
    const file = await files.put("demo", "{}");
    const data = await files.put("demo", "{}", "user_data");
    const good = { ...NEW, input_file_id: file.id };
    for (const [body, param, status] of [
      [{ ...good, endpoint: "/v1/responses" }, "endpoint", 400],
      [{ ...good, completion_window: "soon" }, "completion_window", 400],
      [{ ...good, completion_window: "169h" }, "completion_window", 400],
      [{ ...good, metadata: { a: 1 } }, "metadata.a", 400],
      [{ ...good, output_expires_after: { anchor: "created_at", seconds: 1 } }, "output_expires_after.seconds", 400],
      [{ ...good, extra: 1 }, "", 400],
      [{ ...good, input_file_id: data.id }, "input_file_id", 400],
      [{ ...good, input_file_id: "file-none" }, "input_file_id", 404],
      [{ ...good, input_file_id: "a\0b" }, "input_file_id", 404],
    ] as const) {
      const reply = await call("POST", "/v1/batches", body);
      assert.deepEqual([reply.statusCode, reply.json().error.param], [status, param], JSON.stringify(body));
    }
    for (const query of ["limit=0", "limit=101", "after=batch_none", "after=%00"]) {
      assert.equal((await call("GET", `/v1/batches?${query}`)).statusCode, 400, query);
    }
  });

  test("make one batch of calls with one idempotency key, and refuse another under it", async () => {
    const file = await files.put("demo", "{}");
    const body = { ...NEW, input_file_id: file.id };
    const keyed = { "idempotency-key": "k1" };
    const first = await call("POST", "/v1/batches", body, own.key, keyed);
    const again = await call("POST", "/v1/batches", body, own.key, keyed);
    assert.equal(first.headers["idempotent-replayed"], undefined);
    assert.equal(again.headers["idempotent-replayed"], "true");
    assert.equal(again.json().id, first.json().id);
    const reused = await call("POST", "/v1/batches", { ...body, completion_window: "2h" }, own.key, keyed);
    assert.deepEqual([reused.statusCode, reused.json().error.code], [422, "idempotency_key_reused"]);
    assert.equal((await call("POST", "/v1/batches", body, own.key, { "idempotency-key": "" })).statusCode, 400);
  });

  test("tell of each request, by status and page by page", async () => {
    const file = await files.put("demo", "{}");
    const { id } = await client.batches.create({ ...NEW, input_file_id: file.id });
    const item = (at: number) => ({
      ...{ wave: 0, item: at, custom_id: `c${at}`, request_id: jobRequestId(id, 0, at), at, bytes: 1, tries: 1 },
    });
    await jobs.addItems(id, [
      item(0),
      item(1),
      item(3),
      { ...item(4), request_id: `${jobRequestId(id, 0, 4)}.closed` },
    ]);
    const result = {
      ...{ status: "succeeded", route: { tier: "small", cache: "miss" }, usage: { cost_usd: 0.5 } },
    };
    jobs.answer(jobRequestId(id, 0, 0), { status: "succeeded", result: JSON.stringify(result) });
    const error = { status: "failed", error: { code: "provider_error" } };
    jobs.answer(jobRequestId(id, 0, 3), { status: "failed", result: JSON.stringify(error) });
    const page = await call("GET", `/v1/batches/${id}/requests?limit=2`);
    assert.deepEqual(page.json(), {
      object: "list",
      data: [
        {
          ...{ id: `${id}.0.0`, object: "batch.request", line: 1, custom_id: "c0", status: "succeeded" },
          ...{ tier: "small", cache: "miss", cost_usd: 0.5, error_code: null },
        },
        {
          ...{ id: `${id}.0.1`, object: "batch.request", line: 2, custom_id: "c1", status: "pending" },
          ...{ tier: null, cache: null, cost_usd: null, error_code: null },
        },
      ],
      ...{ first_id: `${id}.0.0`, last_id: `${id}.0.1`, has_more: true },
    });
    const statuses = async (query: string): Promise<unknown[]> => {
      const reply = await call("GET", `/v1/batches/${id}/requests?${query}`);
      return reply
        .json()
        .data.map(({ line, status, error_code }: Record<string, unknown>) => [line, status, error_code]);
    };
    assert.deepEqual(await statuses(`after=${id}.0.1`), [
      [4, "failed", "provider_error"],
      [5, "closed", null],
    ]);
    assert.deepEqual(await statuses("status=pending"), [[2, "pending", null]]);
    assert.deepEqual(await statuses("status=closed"), [[5, "closed", null]]);
    for (const query of ["after=x", `after=${id}.0.x`, "status=odd"]) {
      assert.equal((await call("GET", `/v1/batches/${id}/requests?${query}`)).statusCode, 400, query);
    }
  });

  test("ask again what did not succeed, once the batch has ended", async () => {
    const file = await files.put("demo", "{}");
    const { id } = await client.batches.create({ ...NEW, input_file_id: file.id, metadata: { team: "a" } });
    const retry = (body?: object) => call("POST", `/v1/batches/${id}/retry`, body);
    assert.deepEqual([(await retry()).statusCode, (await retry()).json().error.code], [409, "batch_not_ended"]);
    await save(id, "completed", () => ({ in_progress_ms: 1, lines: 3, completed: 2, failed: 1 }));
    assert.equal((await retry({ metadata: { a: 1 } })).statusCode, 400);
    const made = (await retry({ completion_window: "30m" })).json();
    assert.deepEqual([made.status, made.metadata, made.completion_window], ["validating", { team: "a" }, "30m"]);
    assert.equal(made.sluice.retry_of, id);
    files.remove(file.id);
    assert.equal((await retry()).json().error.code, "input_file_missing");

    const whole = await files.put("demo", "{}");
    const { id: bad } = await client.batches.create({ ...NEW, input_file_id: whole.id });
    await save(bad, "failed", () => ({ errors_total: 1 }));
    assert.equal((await call("POST", `/v1/batches/${bad}/retry`)).json().error.code, "batch_not_retryable");
    const { id: good } = await client.batches.create({ ...NEW, input_file_id: whole.id });
    await save(good, "completed", () => ({ in_progress_ms: 1, lines: 3, completed: 3 }));
    assert.equal((await call("POST", `/v1/batches/${good}/retry`)).json().error.code, "nothing_to_retry");
  });

  test("know no batch or file of another tenant, and ask for the right scope", async () => {
    const file = await files.put("demo", "{}");
    const { id } = await client.batches.create({ ...NEW, input_file_id: file.id });
    const all = [
      ["GET", ""],
      ["POST", "/cancel"],
      ["GET", "/requests"],
      ["POST", "/retry"],
      ["GET", "/events"],
    ] as const;
    for (const [method, path] of all) {
      for (const name of [id, "batch_none", "%00"]) {
        const reply = await call(method, `/v1/batches/${name}${path}`, undefined, other.key);
        assert.deepEqual([reply.statusCode, reply.json().error.code], [404, "not_found"], `${method} ${name}${path}`);
      }
      const read_only = await call(method, `/v1/batches/${id}${path}`, undefined, reader.key);
      assert.equal(read_only.statusCode, method === "POST" ? 403 : 200);
      assert.equal((await app.inject({ method, url: `/v1/batches/${id}${path}` })).statusCode, 401);
    }
    const stolen = await call("POST", "/v1/batches", { ...NEW, input_file_id: file.id }, other.key);
    assert.equal(stolen.statusCode, 404);
    assert.deepEqual((await call("GET", "/v1/batches", undefined, other.key)).json().data, []);
    assert.deepEqual((await call("GET", `/v1/batches/${id}/events`)).json(), { tenant: "demo", id, kind: "job" });
    await assert.rejects(client.batches.retrieve("batch_none"), OpenAI.NotFoundError);
  });

  test("have schemas that OpenAPI can hold, and that their replies have", async () => {
    for (const schema of [newBatchBody, retryBody, requestsQuery, batchSchema, batchRequestSchema]) {
      assert.ok(z.toJSONSchema(schema, { io: "input" }));
    }
    const { data } = (await call("GET", "/v1/batches")).json();
    for (const batch of data) batchSchema.parse(batch);
  });
});
