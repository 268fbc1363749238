/** Streams by the client for Node. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type OpenAI from "openai";
import { until } from "../../support/until.ts";
import { ask, type Chat, collect, type Given, textOf } from "./given.ts";

/** A call that nobody waits for, once its test is over. */
const SLOW = "[[mock tokens=300 itl_ms=50]]";

export function streamTests(given: Given): void {
  describe("streams", () => {
    test("has the text as it is made, with headers before it, and the whole of it is the Result", async () => {
      const body = { ...ask("[[mock tokens=40 itl_ms=5]] stream"), stream: true } as const;
      const { data, response } = await given.client.chat.completions.create(body).withResponse();
      const id = response.headers.get("x-sluice-id") ?? "";
      assert.equal(response.headers.get("x-sluice-tier"), "small");
      assert.equal(response.headers.get("x-ratelimit-limit-requests"), "100000");
      const chunks = await collect(data);
      assert.ok(chunks.length > 10, `${chunks.length} chunks`);
      assert.ok(chunks.every(({ usage }) => usage == null));
      const { result } = await given.stored(id);
      const response_body = result["response"] as OpenAI.Chat.Completions.ChatCompletion;
      assert.equal(textOf(chunks), response_body.choices[0]?.message.content);

      const usage_wanted = { ...body, stream_options: { include_usage: true } };
      const again = await given.client.chat.completions.create(usage_wanted).withResponse();
      assert.equal(again.response.headers.get("x-sluice-cache"), "exact");
      const cached = await collect(again.data);
      assert.equal(textOf(cached), textOf(chunks));
      assert.equal(cached.at(-1)?.usage?.completion_tokens, 40);
    });

    test("says what was used where it is asked to", async () => {
      const body = ask("[[mock tokens=12]] usage", { stream_options: { include_usage: true } } as Partial<Chat>);
      const chunks = await collect(await given.client.chat.completions.create({ ...body, stream: true }));
      const last = chunks.at(-1);
      assert.deepEqual([last?.choices, last?.usage?.completion_tokens], [[], 12]);
    });

    test("is read by the client's own helper", async () => {
      const runner = given.client.chat.completions.stream(ask("[[mock tokens=20]] helper") as never);
      const final = await runner.finalChatCompletion();
      assert.equal(final.choices[0]?.finish_reason, "stop");
      assert.ok((final.choices[0]?.message.content?.length ?? 0) > 0);
    });

    test("of several choices with log-probabilities is the Result too", async () => {
      const body = ask("[[mock tokens=15]] two", { n: 2, logprobs: true, top_logprobs: 1 });
      for (const cache of ["miss", "exact"]) {
        const call = given.client.chat.completions.create({ ...body, stream: true });
        const { data, response } = await call.withResponse();
        assert.equal(response.headers.get("x-sluice-cache"), cache);
        const chunks = await collect(data);
        const { result } = await given.stored(response.headers.get("x-sluice-id") ?? "");
        const { choices } = result["response"] as OpenAI.Chat.Completions.ChatCompletion;
        assert.equal(choices.length, 2);
        for (const { index, message, logprobs, finish_reason } of choices) {
          const parts = chunks.flatMap((chunk) => chunk.choices).filter((part) => part.index === index);
          assert.equal(parts.map(({ delta }) => delta.content ?? "").join(""), message.content);
          assert.deepEqual(
            parts.flatMap((part) => part.logprobs?.content ?? []),
            logprobs?.content,
          );
          assert.deepEqual(parts.map((part) => part.finish_reason).filter(Boolean), [finish_reason]);
        }
      }
    });

    test("left in the middle, it is cancelled, and the call at the model ends", async () => {
      const body = { ...ask(`${SLOW} left`), stream: true } as const;
      const { data, response } = await given.client.chat.completions.create(body).withResponse();
      // Long before its end.
      for (const name of ["x-sluice-tier", "x-sluice-cache", "x-ratelimit-remaining-tokens"]) {
        assert.ok(response.headers.has(name), name);
      }
      for await (const _ of data) break;
      const { status, result } = await given.stored(response.headers.get("x-sluice-id") ?? "");
      assert.equal(status, "cancelled");
      const usage = result["usage"] as { completion_tokens: number } | undefined;
      assert.ok(usage !== undefined && usage.completion_tokens < 300);
      await until("no call is under way", async () => (await given.pipeline.mockStats()).concurrency === 0);
    });
  });
}
