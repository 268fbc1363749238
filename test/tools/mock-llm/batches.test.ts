import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { request } from "undici";
import { parseBatchInput } from "../../../tools/mock-llm/batch-input.ts";
import { BatchStore, FILES_MAX, OPEN_BATCHES_MAX } from "../../../tools/mock-llm/batch-store.ts";
import type { MockLlmOptions } from "../../../tools/mock-llm/options.ts";
import { type MockLlm, startMockLlm } from "../../../tools/mock-llm/server.ts";

const CHAT = "/v1/chat/completions";

const line = (custom_id: string, content: string, extra: Record<string, unknown> = {}) => ({
  custom_id,
  method: "POST",
  url: CHAT,
  body: { model: "mock-small", messages: [{ role: "user", content }] },
  ...extra,
});
const jsonl = (...lines: unknown[]) => lines.map((one) => JSON.stringify(one)).join("\n");

describe("the input file", () => {
  const problemOf = (text: string) => {
    const read = parseBatchInput(text, CHAT);
    return read.ok ? [] : read.problems.map(({ code, line: at }) => [code, at]);
  };

  for (const [what, text, problems] of [
    ["blank lines are passed over", `\n${jsonl(line("a", "x"))}\n\n${jsonl(line("b", "y"))}\n`, []],
    ["nothing in it", "\n\n", [["empty_file", null]]],
    ["no JSON", `${jsonl(line("a", "x"))}\n{"custom_id"`, [["invalid_json_line", 2]]],
    ["an id twice", jsonl(line("a", "x"), line("a", "y")), [["duplicate_custom_id", 2]]],
    ["no id", jsonl(line("", "x")), [["missing_required_parameter", 1]]],
    ["another endpoint", jsonl(line("a", "x", { url: "/v1/embeddings" })), [["invalid_url", 1]]],
    ["another method", jsonl(line("a", "x", { method: "GET" })), [["invalid_method", 1]]],
    ["no body", jsonl(line("a", "x", { body: "text" })), [["missing_required_parameter", 1]]],
    ["two models", jsonl(line("a", "x"), line("b", "y", { body: { model: "other" } })), [["mismatched_model", 2]]],
  ] as const) {
    test(what, () => assert.deepEqual(problemOf(text), problems));
  }

  test("too many lines", () => {
    const many = Array.from(
      { length: 50_001 },
      (_, i) => `{"custom_id":"${i}","method":"POST","url":"${CHAT}","body":{}}`,
    );
    assert.deepEqual(problemOf(many.join("\n")), [["max_requests_exceeded", null]]);
  });
});

describe("the store", () => {
  test("the oldest files go first, and files never pass the bound", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 30 }), (deletes) => {
        const store = new BatchStore();
        const ids: string[] = [];
        for (let i = 0; i < FILES_MAX + 20; i += 1) ids.push(store.addFile(Buffer.from("x"), "f", "batch").id);
        assert.ok(ids.slice(0, 20).every((id) => store.file(id) === undefined));
        for (const [at, away] of deletes.entries()) if (away) assert.ok(store.deleteFile(ids[20 + at] ?? ""));
        assert.equal(
          ids.filter((id) => store.file(id) !== undefined).length,
          FILES_MAX - deletes.filter(Boolean).length,
        );
      }),
      { numRuns: 5 },
    );
  });

  test("so many batches are under way, and one more when one has ended", () => {
    const store = new BatchStore();
    const input = store.file(store.addFile(Buffer.from("x"), "f", "batch").id);
    assert.ok(input);
    const open = Array.from({ length: OPEN_BATCHES_MAX }, () => store.open(input, CHAT, null));
    assert.equal(store.open(input, CHAT, null), undefined);
    assert.ok(open[0]);
    store.end(open[0]);
    assert.ok(store.open(input, CHAT, null));
  });
});

type Json = Record<string, never>;

async function start(t: TestContext, options: MockLlmOptions = {}): Promise<MockLlm> {
  const server = await startMockLlm({ ttft_ms: 0, batch_latency_ms: 20, ...options });
  t.after(() => server.close());
  return server;
}

async function send(server: MockLlm, method: string, path: string, body?: unknown): Promise<[number, Json]> {
  const text = body === undefined ? null : JSON.stringify(body);
  const answer = await request(server.url + path, { method, body: text });
  return [answer.statusCode, (await answer.body.json()) as Json];
}

async function upload(server: MockLlm, text: string, purpose = "batch"): Promise<[number, Json]> {
  const form = new FormData();
  form.set("purpose", purpose);
  form.set("file", new Blob([text]), "input.jsonl");
  const answer = await fetch(`${server.url}/v1/files`, { method: "POST", body: form });
  return [answer.status, (await answer.json()) as Json];
}

async function create(server: MockLlm, text: string, extra: Record<string, unknown> = {}): Promise<Json> {
  const [, { id: input_file_id }] = await upload(server, text);
  const body = { input_file_id, endpoint: CHAT, completion_window: "24h", ...extra };
  const [status, batch] = await send(server, "POST", "/v1/batches", body);
  assert.deepEqual([status, batch["object"], batch["status"]], [200, "batch", "validating"]);
  return batch;
}

const ENDED = ["completed", "failed", "expired", "cancelled"];

/** The batch once it has ended. */
async function ended(server: MockLlm, id: string): Promise<Json> {
  for (let i = 0; i < 500; i += 1) {
    const [, batch] = await send(server, "GET", `/v1/batches/${id}`);
    if (ENDED.includes(batch["status"] ?? "")) return batch;
    await sleep(5);
  }
  throw new Error("the batch did not end");
}

async function contentOf(server: MockLlm, id: string | null | undefined): Promise<string[]> {
  if (id === null || id === undefined) return [];
  const answer = await request(`${server.url}/v1/files/${id}/content`);
  return (await answer.body.text()).trimEnd().split("\n");
}

describe("a batch", () => {
  test("its lines have the answers of direct calls, and are counted apart", async (t) => {
    const server = await start(t);
    const metadata = { tier: "small" };
    const { id, input_file_id } = await create(server, jsonl(line("a", "one"), line("b", "two")), { metadata });
    const batch = await ended(server, id ?? "");
    assert.deepEqual([batch["status"], batch["error_file_id"], batch["metadata"]], ["completed", null, metadata]);
    assert.deepEqual(batch["request_counts"], { total: 2, completed: 2, failed: 0 });
    for (const at of ["created_at", "in_progress_at", "finalizing_at", "completed_at"]) assert.ok(batch[at]);
    const lines = (await contentOf(server, batch["output_file_id"])).map((text) => JSON.parse(text));
    assert.deepEqual(
      lines.map((one) => [one.custom_id, one.response.status_code, one.error]),
      [
        ["a", 200, null],
        ["b", 200, null],
      ],
    );
    const counted = server.stats();
    assert.deepEqual([counted.batches, counted.batch_calls, counted.calls, counted.completion_tokens], [1, 2, 0, 0]);
    const [, direct] = await send(server, "POST", CHAT, line("a", "one").body);
    assert.deepEqual(
      [lines[0].response.body.choices, lines[0].response.body.usage],
      [direct["choices"], direct["usage"]],
    );
    const used = lines[0].response.body.usage.completion_tokens + lines[1].response.body.usage.completion_tokens;
    assert.equal(counted.batch_completion_tokens, used);
    const [, file] = await send(server, "GET", `/v1/files/${batch["output_file_id"]}`);
    assert.deepEqual([file["purpose"], file["status"]], ["batch_output", "processed"]);
    assert.deepEqual(await send(server, "DELETE", `/v1/files/${input_file_id}`), [
      200,
      { id: input_file_id, object: "file", deleted: true },
    ]);
    assert.equal((await send(server, "GET", `/v1/files/${input_file_id}`))[0], 404);
  });

  test("a bad line fails the whole, with its number", async (t) => {
    const server = await start(t);
    const { id } = await create(server, jsonl(line("a", "one"), line("a", "two")));
    const batch = await ended(server, id ?? "");
    assert.equal(batch["status"], "failed");
    const { data } = batch["errors"] as unknown as { data: { code: string; line: number }[] };
    assert.deepEqual([data[0]?.code, data[0]?.line, server.stats().batch_calls], ["duplicate_custom_id", 2, 0]);
  });

  test("faults of lines end in the error file, or in lines that are none", async (t) => {
    const server = await start(t);
    const faults = ["500", "hang", "garbage", "truncate", "none"];
    const { id } = await create(server, jsonl(...faults.map((fault) => line(fault, `x [[mock fault=${fault}]]`))));
    const batch = await ended(server, id ?? "");
    const errors = (await contentOf(server, batch["error_file_id"])).map((text) => JSON.parse(text));
    assert.deepEqual(
      errors.map((one) => [one.custom_id, one.response?.status_code, one.error?.code]),
      [
        ["500", 500, undefined],
        ["hang", undefined, "request_timeout"],
      ],
    );
    const [garbage = "", half = "", whole = ""] = await contentOf(server, batch["output_file_id"]);
    assert.throws(() => JSON.parse(garbage));
    assert.throws(() => JSON.parse(half));
    assert.equal(JSON.parse(whole).custom_id, "none");
  });

  test("errors of lines and an early end, on demand", async (t) => {
    const server = await start(t);
    const ids = ["a", "b", "c", "d"];
    const text = jsonl(...ids.map((id) => line(id, id)));
    await send(server, "POST", "/mock/faults", { batch_line_error_rate: 1 });
    const failed = await ended(server, (await create(server, text))["id"] ?? "");
    assert.deepEqual(
      [failed["status"], failed["request_counts"]],
      ["completed", { total: 4, completed: 0, failed: 4 }],
    );
    await send(server, "POST", "/mock/faults", { batch_line_error_rate: 0, batch_expire_after: 0.5 });
    const expired = await ended(server, (await create(server, text))["id"] ?? "");
    assert.equal(expired["status"], "expired");
    assert.equal((await contentOf(server, expired["output_file_id"])).length, 2);
    const unrun = (await contentOf(server, expired["error_file_id"])).map((one) => JSON.parse(one));
    assert.deepEqual(
      unrun.map((one) => [one.custom_id, one.response, one.error.code]),
      [
        ["c", null, "batch_expired"],
        ["d", null, "batch_expired"],
      ],
    );
    const [status, behaviour] = await send(server, "POST", "/mock/faults", { batch_expire_after: null });
    assert.deepEqual([status, behaviour["batch_expire_after"]], [200, null]);
  });

  test("cancelled, what was not run is named; over, it cannot be", async (t) => {
    const server = await start(t, { batch_latency_ms: 3_600_000 });
    const { id } = await create(server, jsonl(line("a", "one")));
    const [status, cancelling] = await send(server, "POST", `/v1/batches/${id}/cancel`);
    assert.deepEqual([status, cancelling["status"]], [200, "cancelling"]);
    const batch = await ended(server, id ?? "");
    assert.equal(batch["status"], "cancelled");
    const [only = ""] = await contentOf(server, batch["error_file_id"]);
    assert.equal(JSON.parse(only).error.code, "batch_cancelled");
    assert.equal((await send(server, "POST", `/v1/batches/${id}/cancel`))[0], 409);
  });

  test("the list is in pages, the newest first", async (t) => {
    const server = await start(t);
    const made: unknown[] = [];
    for (let i = 0; i < 3; i += 1) made.unshift((await create(server, jsonl(line("a", "x"))))["id"]);
    const page = async (query: string) => {
      const [, list] = await send(server, "GET", `/v1/batches?${query}`);
      return [(list["data"] as unknown as Json[]).map(({ id }) => id), list["has_more"]];
    };
    assert.deepEqual(await page("limit=2"), [made.slice(0, 2), true]);
    assert.deepEqual(await page(`limit=2&after=${made[1]}`), [made.slice(2), false]);
    assert.equal((await send(server, "GET", "/v1/batches?after=batch_none"))[0], 400);
  });

  test("what makes no sense is refused", async (t) => {
    const server = await start(t, { api_key: undefined });
    const good = { input_file_id: "file-none", endpoint: CHAT, completion_window: "24h" };
    for (const [body, status] of [
      [good, 404],
      [{ ...good, endpoint: "/v1/responses" }, 400],
      [{ ...good, completion_window: "1h" }, 400],
      [{ ...good, metadata: { a: 1 } }, 400],
    ] as const) {
      assert.equal((await send(server, "POST", "/v1/batches", body))[0], status);
    }
    assert.equal((await upload(server, "x", "fine-tune"))[0], 400);
    assert.equal((await send(server, "POST", "/v1/files", { purpose: "batch" }))[0], 400);
    for (const path of ["/v1/batches/none", "/v1/files/none", "/v1/files/none/content"]) {
      assert.equal((await send(server, "GET", path))[0], 404);
    }
  });
});

test("a warm-up call is answered and counted apart", async (t) => {
  const server = await start(t);
  const body = JSON.stringify(line("a", "hello").body);
  const answer = await request(server.url + CHAT, { method: "POST", body, headers: { "x-sluice-warm-up": "1" } });
  assert.equal(answer.statusCode, 200);
  await answer.body.dump();
  const { by_model, by_path, by_status, calls, completion_tokens, concurrency, warm_up_calls } = server.stats();
  assert.deepEqual([warm_up_calls, calls, completion_tokens, concurrency], [1, 0, 0, 0]);
  assert.deepEqual([{ ...by_model }, { ...by_path }, { ...by_status }], [{}, {}, {}]);
});
