/** Files, batches and webhooks by the client for Node. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { until } from "../../support/until.ts";
import { collect, type Given } from "./given.ts";

type Batch = OpenAI.Batches.Batch;

const line = (custom_id: string, content: string): string =>
  JSON.stringify({
    custom_id,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "gpt-4.1-mini", messages: [{ role: "user", content }] },
  });

export function jobTests(given: Given): void {
  const upload = async (text: string): Promise<string> =>
    (await given.client.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" })).id;
  const run = async (text: string, more: object = {}): Promise<Batch> =>
    given.client.batches.create({
      input_file_id: await upload(text),
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
      ...more,
    });
  const ended = (id: string): Promise<Batch> =>
    until(`the batch ${id} has ended`, async () => {
      const batch = await given.client.batches.retrieve(id);
      return ["completed", "failed", "expired", "cancelled"].includes(batch.status) && batch;
    });
  const linesOf = async (file: string | null | undefined): Promise<Record<string, never>[]> => {
    const text = await (await given.client.files.content(file ?? "")).text();
    return text
      .trimEnd()
      .split("\n")
      .map((one) => JSON.parse(one));
  };

  test("a file is kept, found, read and deleted", async () => {
    const { client } = given;
    const text = `${line("a", "ä € 😀")}\n`;
    const made = await client.files.create({ file: await toFile(Buffer.from(text), "an ä.jsonl"), purpose: "batch" });
    assert.deepEqual(
      [made.object, made.bytes, made.filename, made.purpose],
      ["file", Buffer.byteLength(text), "an ä.jsonl", "batch"],
    );
    assert.deepEqual(await client.files.retrieve(made.id), made);
    assert.ok((await collect(await client.files.list({ limit: 1 }))).some(({ id }) => id === made.id));
    assert.equal(await (await client.files.content(made.id)).text(), text);
    assert.deepEqual(await client.files.delete(made.id), { id: made.id, object: "file", deleted: true });
    await assert.rejects(client.files.retrieve(made.id), OpenAI.NotFoundError);
    await assert.rejects(client.files.content(made.id), OpenAI.NotFoundError);
  });

  describe("batches", () => {
    test("has an answer for each line, and what failed in a file of its own", async () => {
      const names = Array.from({ length: 8 }, (_, at) => `line-${at}`);
      const lines = [...names.map((name) => line(name, `batch ${name}`)), line("bad", "[[mock fault=400]] bad")];
      const made = await run(lines.join("\n"), { metadata: { night: "1" } });
      assert.deepEqual([made.object, made.metadata], ["batch", { night: "1" }]);
      const batch = await ended(made.id);
      assert.equal(batch.status, "completed");
      assert.deepEqual(batch.request_counts, { total: 9, completed: 8, failed: 1 });
      const output = (await linesOf(batch.output_file_id)) as unknown as {
        custom_id: string;
        response: { status_code: number; body: OpenAI.Chat.Completions.ChatCompletion };
      }[];
      assert.deepEqual(output.map(({ custom_id }) => custom_id).toSorted(), names);
      for (const { response } of output) {
        assert.equal(response.status_code, 200);
        assert.ok((response.body.choices[0]?.message.content?.length ?? 0) > 0);
      }
      const errors = (await linesOf(batch.error_file_id)) as unknown as {
        custom_id: string;
        response: { status_code: number };
      }[];
      assert.deepEqual(
        errors.map(({ custom_id, response }) => [custom_id, response.status_code]),
        [["bad", 400]],
      );
      assert.ok((await collect(await given.client.batches.list({ limit: 1 }))).some(({ id }) => id === made.id));
    });

    test("of embeddings has a vector for each line", async () => {
      const lines = ["a", "b"].map((custom_id) => {
        const body = { model: "text-embedding-3-small", input: `text ${custom_id}`, dimensions: 4 };
        return JSON.stringify({ custom_id, method: "POST", url: "/v1/embeddings", body });
      });
      const { status, output_file_id } = await ended((await run(lines.join("\n"), { endpoint: "/v1/embeddings" })).id);
      assert.equal(status, "completed");
      const output = (await linesOf(output_file_id)) as unknown as {
        response: { body: OpenAI.CreateEmbeddingResponse };
      }[];
      assert.deepEqual(
        output.map(({ response }) => response.body.data[0]?.embedding.length),
        [4, 4],
      );
    });

    test("names each bad line of its file by number, and runs none", async () => {
      const { id } = await run([line("a", "fine"), "{", line("b", "fine"), line("a", "twice")].join("\n"));
      const batch = await ended(id);
      assert.equal(batch.status, "failed");
      assert.deepEqual(
        batch.errors?.data?.map((error) => error.line),
        [2, 4],
      );
      assert.ok(batch.errors?.data?.every(({ code, message }) => code && message));
      await assert.rejects(given.client.batches.retrieve("batch_none"), OpenAI.NotFoundError);
      const none = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
      await assert.rejects(given.client.batches.create({ ...none, input_file_id: "file-none" }), OpenAI.NotFoundError);
    });

    test("is cancelled, and keeps what it had", async () => {
      const slow = Array.from({ length: 4 }, (_, at) => line(`s-${at}`, `[[mock latency_ms=60000]] cancel ${at}`));
      const { id } = await run([line("quick", "cancel quick"), ...slow].join("\n"));
      await until("one line is done", async () => {
        const { request_counts } = await given.client.batches.retrieve(id);
        return request_counts?.completed === 1;
      });
      assert.ok(["cancelling", "cancelled"].includes((await given.client.batches.cancel(id)).status));
      const batch = await ended(id);
      assert.deepEqual([batch.status, batch.request_counts?.completed], ["cancelled", 1]);
      assert.deepEqual(
        (await linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id),
        ["quick"],
      );
    });
  });

  describe("webhooks", () => {
    type Secret = { readonly id: string; readonly secret: string };

    test("an endpoint hears of a batch, and the client takes its signature", async () => {
      const { client, hooks } = given;
      const body = { url: hooks.url("/batches"), events: ["batch.completed"] };
      const { secret, id: endpoint } = await client.post<Secret>("/webhooks", { body });
      const { id } = await run(line("only", "for a webhook"));
      const hook = await hooks.heard("/batches", id);
      const event = await client.webhooks.unwrap(hook.body, hook.headers, secret);
      assert.equal(event.type, "batch.completed");
      assert.equal(event.data.id, id);
      assert.equal(event.id, hook.headers["webhook-id"]);
      await assert.rejects(
        client.webhooks.unwrap(hook.body.replace(id, "batch_0"), hook.headers, secret),
        OpenAI.InvalidWebhookSignatureError,
      );
      await client.delete(`/webhooks/${endpoint}`);
    });

    test("a request's callback hears of its Result", async () => {
      const { client, hooks } = given;
      const { secret } = await client.post<Secret>("/webhooks/callbacks/rotate");
      const callback = { url: hooks.url("/callback") };
      const { id } = await client.post<{ id: string }>("/requests", {
        body: { body: { messages: [{ role: "user", content: "call me" }] }, callback },
      });
      const hook = await hooks.heard("/callback", id);
      const event = (await client.webhooks.unwrap(hook.body, hook.headers, secret)) as unknown as {
        type: string;
        data: { id: string; result: { status: string } };
      };
      assert.deepEqual([event.type, event.data.id, event.data.result.status], ["request.completed", id, "succeeded"]);
    });

    test("what may not be called is refused at once", async () => {
      for (const url of ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/"]) {
        const body = { body: { messages: [{ role: "user", content: "x" }] }, callback: { url } };
        const refused = given.client.post("/requests", { body });
        await assert.rejects(refused, (error: unknown) => {
          assert.ok(error instanceof OpenAI.BadRequestError);
          assert.equal(error.param, "callback.url");
          return true;
        });
        await assert.rejects(given.client.post("/webhooks", { body: { url } }), OpenAI.BadRequestError);
      }
    });
  });
}
