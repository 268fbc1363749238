/** The routes of map-reduces: what is asked for, what is told, and whose it is. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import { jobsSchema } from "../../../../libs/shared/config/gateway.ts";
import { tierSchema } from "../../../../libs/shared/config/inference.ts";
import { jobRequestId } from "../../../../libs/shared/jobs/job.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { newWave } from "../../../../libs/shared/map-reduce/job.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { type MapReduceJob, mapReduceSchema, shardSchema } from "../../../../services/gateway/map-reduce-replies.ts";
import { mapReduceRoutes } from "../../../../services/gateway/routes/map-reduce.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryFiles } from "../../../support/memory-files.ts";
import { MemoryJobs } from "../../../support/memory-jobs.ts";

const clock = new VirtualClock();
const jobs = new MemoryJobs();
const files = new MemoryFiles({ bytes_max: 10_000 });
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
const URL = "/v1/map-reduce";
const PROMPTS = { map: { prompt: "Say it in short." }, reduce: { prompt: "Put together." } };
const NEW = { ...PROMPTS, documents: ["one", { id: "b", text: "two" }] };

/** What the results service would save. */
async function save(
  id: string,
  status: MapReduceJob["status"],
  change: (state: MapReduceJob["state"]) => Partial<MapReduceJob["state"]>,
): Promise<void> {
  const now_ms = clock.now_ms();
  const leased = await jobs.lease({ owner: "t", now_ms, until_ms: now_ms }, 100, [id]);
  const job = leased.find((one) => one.job.id === id)?.job as MapReduceJob;
  await jobs.save(job, "t", { status, state: { ...job.state, ...change(job.state) }, wake_ms: 1 }, now_ms);
}

describe("the routes of map-reduces", () => {
  let app: FastifyInstance;
  before(() => {
    app = Fastify();
    mapReduceRoutes({
      ...{ keys, jobs, files, clock },
      settings: jobsSchema.parse({}),
      tiers: {
        small: tierSchema.parse({ models: ["tiny"] }),
        embed: tierSchema.parse({ kind: "embeddings", models: ["e"] }),
      },
      events: async (_http, reply, of) => reply.send(of),
    })(app);
  });
  after(() => app.close());
  const call = (method: "GET" | "POST", path: string, payload?: object, key = own.key, headers = {}) =>
    app.inject({
      ...{ method, url: path },
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
  const make = async (more: object = {}): Promise<string> => (await call("POST", URL, { ...NEW, ...more })).json().id;

  test("make one of documents in the body, with the settings' defaults", async () => {
    const reply = await call("POST", URL, { ...NEW, budget_usd: 1.5, metadata: { team: "a" } });
    assert.equal(reply.statusCode, 200);
    const made = mapReduceSchema.parse(reply.json());
    assert.deepEqual(
      [made.status, made.budget_usd, made.answer, made.metadata],
      ["validating", 1.5, null, { team: "a" }],
    );
    assert.equal(made.progress.text, "reading documents");
    assert.deepEqual([made["fan_in"], made["shard_tokens"]], [10, 2_000]);
    assert.equal(files.text(made.input_file_id), '"one"\n{"id":"b","text":"two"}\n');
    assert.deepEqual((await call("GET", `${URL}/${made.id}`)).json(), reply.json());
  });

  test("make one of a file of the tenant's, and of no other's", async () => {
    const { id: input_file_id } = await files.put("demo", '"a"\n', "user_data");
    const good = await call("POST", URL, { ...PROMPTS, input_file_id });
    assert.equal(good.json().input_file_id, input_file_id);
    const bad = await call("POST", URL, { ...PROMPTS, input_file_id }, other.key);
    assert.deepEqual([bad.statusCode, bad.json().error.param], [404, "input_file_id"]);
  });

  test("say which field is wrong", async () => {
    for (const [more, param] of [
      [{ documents: undefined }, "documents"],
      [{ input_file_id: "file-1" }, "documents"],
      [{ documents: [] }, "documents"],
      [{ map: {} }, "map.prompt"],
      [{ map: { prompt: "x", tier: "embed" } }, "map.tier"],
      [{ reduce: { prompt: "x", model: "gpt-9" } }, "reduce.model"],
      [{ map: { prompt: "x", tier: "small", model: "tiny" } }, "map"],
      [{ fan_in: 1 }, "fan_in"],
      [{ shard_tokens: 1_000_000 }, "shard_tokens"],
      [{ budget_usd: 0 }, "budget_usd"],
      [{ completion_window: "soon" }, "completion_window"],
      [{ fan_out: 3 }, ""],
    ] as const) {
      const reply = await call("POST", URL, { ...NEW, ...more });
      assert.deepEqual([reply.statusCode, reply.json().error.param ?? ""], [400, param], JSON.stringify(more));
    }
    const large = await call("POST", URL, { ...NEW, documents: ["x".repeat(20_000)] });
    assert.deepEqual([large.statusCode, large.json().error.code], [413, "file_too_large"]);
  });

  test("make one for an idempotency key, however often it is sent", async () => {
    const headers = { "idempotency-key": "k1" };
    const first = await call("POST", URL, NEW, own.key, headers);
    const files_before = files.files.length;
    const again = await call("POST", URL, NEW, own.key, headers);
    assert.equal(again.json().id, first.json().id);
    assert.equal(again.headers["idempotent-replayed"], "true");
    assert.equal(files.files.length, files_before);
    const else_ = await call("POST", URL, { ...NEW, fan_in: 3 }, own.key, headers);
    assert.deepEqual([else_.statusCode, else_.json().error.code], [422, "idempotency_key_reused"]);
    assert.notEqual((await call("POST", URL, NEW, other.key, headers)).json().id, first.json().id);
  });

  test("show progress, cost and the answer", async () => {
    const id = await make({ budget_usd: 1 });
    const map = { ...newWave(0, 500), succeeded: 500, cost_nusd: 250_000_000, requests: 480, prompt_tokens: 9_000 };
    const waves = [map, { ...newWave(1, 50), succeeded: 12 }];
    await save(id, "in_progress", () => ({ phase: "asking", shards: 500, duplicates: 20, waves }));
    const { progress, cost_usd, usage } = (await call("GET", `${URL}/${id}`)).json();
    assert.match(progress.text, /^map 500\/500, wave 1 12\/50, 0 failed/);
    assert.deepEqual(progress.waves, [{ wave: 1, total: 50, done: 12, failed: 0 }]);
    assert.deepEqual([cost_usd, usage.requests, usage.prompt_tokens], [0.25, 480, 9_000]);
    await save(id, "completed", () => ({ phase: "done", answer: "All is well." }));
    const done = (await call("GET", `${URL}/${id}`)).json();
    assert.deepEqual([done.status, done.answer], ["completed", "All is well."]);
  });

  test("list shards with their documents, by wave and status, page by page", async () => {
    const id = await make();
    await save(id, "in_progress", () => ({ phase: "asking", waves: [newWave(0, 3)] }));
    const item = (number: number, custom_id: string) => ({
      ...{ wave: 0, item: number, custom_id, request_id: jobRequestId(id, 0, number), at: 0, bytes: 1, tries: 1 },
    });
    await jobs.addItems(id, [item(0, "1.1:doc a"), item(1, "1.2:doc a"), item(2, "2.1")]);
    const error = { code: "provider_timeout", message: "too slow" };
    jobs.answer(jobRequestId(id, 0, 1), { status: "failed", result: JSON.stringify({ error }) });
    const response = { choices: [{ message: { content: "yes" } }] };
    jobs.answer(jobRequestId(id, 0, 2), { status: "succeeded", result: JSON.stringify({ response }) });
    const failed = (await call("GET", `${URL}/${id}/shards?status=failed`)).json();
    const [shard] = failed.data.map((one: unknown) => shardSchema.parse(one));
    assert.deepEqual([failed.data.length, shard.document, shard.document_id, shard.part], [1, 1, "doc a", 2]);
    assert.deepEqual(shard.error, error);
    const seen: unknown[] = [];
    let next: string | null = "";
    while (next !== null) {
      const url: string = `${URL}/${id}/shards?limit=2${next === "" ? "" : `&after=${next}`}`;
      const { data, has_more, last_id } = (await call("GET", url)).json();
      seen.push(...data.map(({ status, answer }: { status: string; answer: string | null }) => [status, answer]));
      next = has_more ? last_id : null;
    }
    assert.deepEqual(seen, [
      ["pending", null],
      ["failed", null],
      ["succeeded", "yes"],
    ]);
    assert.deepEqual((await call("GET", `${URL}/${id}/shards?wave=4`)).json().data, []);
    assert.equal((await call("GET", `${URL}/${id}/shards?status=none`)).statusCode, 400);
    assert.equal((await call("GET", `${URL}/${id}/shards?after=x`)).statusCode, 400);
  });

  test("cancel, and take up again what has ended", async () => {
    const id = await make();
    assert.equal((await call("POST", `${URL}/${id}/cancel`)).json().status, "cancelling");
    assert.deepEqual((await call("POST", `${URL}/${id}/retry`)).json().error.code, "map_reduce_not_ended");
    await save(id, "cancelled", () => ({}));
    const again = await call("POST", `${URL}/${id}/retry`, {});
    assert.deepEqual([again.statusCode, again.json().status], [200, "validating"]);
  });

  test("take up what the budget stopped with a larger one alone", async () => {
    const id = await make({ budget_usd: 1 });
    const waves = [{ ...newWave(0, 5), succeeded: 2, cost_nusd: 900_000_000 }];
    const error = { code: "budget_exhausted", message: "no more" };
    const add = async function* () {
      yield Buffer.from("");
    };
    const shards = { tenant: "demo", purpose: "user_data", filename: "s", content: add() } as const;
    await files.add({ id: `file-${id}-shards`, ...shards });
    await save(id, "failed", () => ({ phase: "asking", waves, error }));
    assert.equal((await call("GET", `${URL}/${id}`)).json().error.code, "budget_exhausted");
    for (const body of [{}, { budget_usd: 1 }, { budget_usd: 0.5 }]) {
      assert.equal((await call("POST", `${URL}/${id}/retry`, body)).json().error.param, "budget_usd");
    }
    const again = (await call("POST", `${URL}/${id}/retry`, { budget_usd: 2, on_failed_shard: "skip" })).json();
    assert.deepEqual(
      [again.status, again.budget_usd, again.on_failed_shard, again.error],
      ["in_progress", 2, "skip", null],
    );
  });

  test("refuse to take up what cannot be", async () => {
    const bad = await make();
    await save(bad, "failed", () => ({ errors: [{ code: "invalid_json_line", message: "line 2: x", line: 2 }] }));
    const shown = (await call("GET", `${URL}/${bad}`)).json();
    assert.deepEqual([shown.error.code, shown.errors[0].line], ["input_invalid", 2]);
    assert.equal((await call("POST", `${URL}/${bad}/retry`)).json().error.code, "map_reduce_not_retryable");
    const done = await make();
    await save(done, "completed", () => ({ phase: "done", waves: [{ ...newWave(0, 1), succeeded: 1 }] }));
    assert.equal((await call("POST", `${URL}/${done}/retry`)).json().error.code, "nothing_to_retry");
    const gone = await make();
    await save(gone, "failed", () => ({ phase: "asking", waves: [newWave(0, 1)] }));
    assert.equal((await call("POST", `${URL}/${gone}/retry`)).json().error.code, "input_file_missing");
  });

  test("list them, the latest first, and follow one", async () => {
    const id = await make();
    const page = (await call("GET", `${URL}?limit=1`)).json();
    assert.deepEqual([page.object, page.data.length, page.has_more], ["list", 1, true]);
    assert.equal((await call("GET", `${URL}?after=nobody`)).statusCode, 400);
    assert.deepEqual((await call("GET", `${URL}/${id}/events`)).json(), { tenant: "demo", id, kind: "job" });
  });

  test("are another tenant's for nobody else, and need a key that may", async () => {
    const id = await make();
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/shards"],
      ["GET", "/events"],
      ["POST", "/cancel"],
      ["POST", "/retry"],
    ] as const) {
      const reply = await call(method, `${URL}/${id}${path}`, undefined, other.key);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [404, "not_found"], path);
    }
    assert.equal(
      (await call("GET", URL, undefined, other.key)).json().data.every((one: { id: string }) => one.id !== id),
      true,
    );
    assert.equal((await call("POST", URL, NEW, reader.key)).statusCode, 403);
    assert.equal((await call("GET", URL, undefined, "slc_none")).statusCode, 401);
  });
});
