import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { HttpBatchProvider } from "../../../../services/inference/batch-api/http-provider.ts";
import { inputFile } from "../../../../services/inference/batch-api/jsonl.ts";
import { BatchApiRunner } from "../../../../services/inference/batch-api/runner.ts";
import { startMockLlm } from "../../../../tools/mock-llm/server.ts";

const LIMITS = { timeout_ms: 5_000, transfer_timeout_ms: 5_000, file_bytes_max: 1024 * 1024 };
const path = "/chat/completions";

function providerAt(t: TestContext, url: string, limits: Partial<typeof LIMITS> = {}): HttpBatchProvider {
  const provider = new HttpBatchProvider({ base_url: `${url}/v1`, api_key: "secret", ...LIMITS, ...limits });
  t.after(() => provider.close());
  return provider;
}

const body = (content: string) =>
  Buffer.from(JSON.stringify({ model: "small", messages: [{ role: "user", content }] }));
const linesOf = (...contents: string[]) =>
  inputFile(contents.map((content, at) => ({ custom_id: `${at}`, path, body: body(content) })));

test("requests through the mock's Batch API: what was done before it expired is answered", async (t) => {
  const mock = await startMockLlm({ ttft_ms: 0, batch_latency_ms: 20, api_key: "secret" });
  t.after(() => mock.close());
  await fetch(`${mock.url}/mock/faults`, { method: "POST", body: JSON.stringify({ batch_expire_after: 0.75 }) });
  const runner = new BatchApiRunner({
    provider: providerAt(t, mock.url),
    settings: { size_max: 4, bytes_max: 1024 * 1024, wait_ms: 60_000, poll_ms: 10 },
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    batches_max: 1,
    members_max: 10,
    metadata: { tier: "small" },
    onSubmitted: async () => {},
  });
  t.after(() => runner.stop());
  const until_ms = Date.now() + 60_000;
  const contents = ["one", "two [[mock fault=400]]", "three", "four"];
  const answers = await Promise.all(
    contents.map((content) => runner.submit({ source: content, path, model: "small", body: body(content), until_ms })),
  );
  const seen = answers.map((answer) =>
    answer.kind === "answered" ? answer.status : answer.kind === "missing" && answer.reason,
  );
  assert.deepEqual(seen, [200, 400, 200, "expired"]);
  const [first] = answers;
  assert.ok(first?.kind === "answered");
  assert.equal(typeof JSON.parse(first.body.toString()).choices[0].message.content, "string");
  assert.deepEqual([mock.stats().batches, mock.stats().batch_calls, mock.stats().calls], [1, 3, 0]);
});

test("what the provider refuses, does not know, or has too much of", async (t) => {
  const mock = await startMockLlm({ batch_latency_ms: 0, api_key: "secret" });
  t.after(() => mock.close());
  const provider = providerAt(t, mock.url, { file_bytes_max: 100 });
  assert.deepEqual(await provider.status("batch_none"), { kind: "not_found" });
  assert.deepEqual(await provider.download("file-none"), { kind: "not_found" });
  assert.deepEqual(await provider.cancel("batch_none"), { kind: "not_found" });
  const refused = await provider.submit({ lines: linesOf("x"), path: "/responses", metadata: {} });
  assert.deepEqual([refused.kind, "retryable" in refused && refused.retryable], ["failed", false]);
  const submitted = await provider.submit({ lines: linesOf("one"), path, metadata: {} });
  assert.ok(submitted.kind === "submitted");
  let view = await provider.status(submitted.batch_id);
  while (view.kind === "found" && view.status !== "completed") view = await provider.status(submitted.batch_id);
  assert.ok(view.kind === "found" && view.output_file_id !== undefined);
  assert.deepEqual(await provider.download(view.output_file_id), { kind: "too_large", bytes_max: 100 });
  assert.deepEqual(await provider.cancel(submitted.batch_id), { kind: "cancelling" });
  await mock.close();
  const away = await provider.status(submitted.batch_id);
  assert.deepEqual([away.kind, "retryable" in away && away.retryable], ["failed", true]);
});

describe("a creation whose answer is lost", () => {
  /** A provider that takes files, cuts creations off, and lists these batches. */
  async function lossy(t: TestContext, batches: readonly unknown[]): Promise<{ url: string; seen: string[] }> {
    const seen: string[] = [];
    const answer = (req: IncomingMessage, res: ServerResponse) => {
      const asked = `${req.method} ${req.url}`;
      seen.push(asked);
      req.resume().on("end", () => {
        if (asked === "POST /v1/batches") return void res.destroy();
        res.end(JSON.stringify(asked === "POST /v1/files" ? { id: "file-1" } : { data: batches }));
      });
    };
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.closeAllConnections());
    t.after(() => server.close());
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
  }
  const batch = { id: "batch_7", status: "validating", input_file_id: "file-1" };

  test("is found again by its file", async (t) => {
    const { url } = await lossy(t, [{ ...batch, id: "batch_8", input_file_id: "file-2" }, batch]);
    const submission = await providerAt(t, url).submit({ lines: linesOf("x"), path, metadata: {} });
    assert.deepEqual(submission, { kind: "submitted", batch_id: "batch_7" });
  });

  test("when there is none, may be made again, and the file is taken away", async (t) => {
    const { seen, url } = await lossy(t, []);
    const submission = await providerAt(t, url).submit({ lines: linesOf("x"), path, metadata: {} });
    assert.ok(submission.kind === "failed" && submission.retryable);
    assert.deepEqual(seen, [
      "POST /v1/files",
      "POST /v1/batches",
      "GET /v1/batches?limit=100",
      "DELETE /v1/files/file-1",
    ]);
  });
});
