/** Chat, embeddings and models by the client for Node. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI from "openai";
import { ask, type Chat, collect, type Given, textOf, WEATHER } from "./given.ts";

type Streamed = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;

export function chatTests(given: Given): void {
  describe("chat", () => {
    test("has its answer, and headers that say where it came from and what is left", async () => {
      const { data, response } = await given.client.chat.completions.create(ask("plain")).withResponse();
      assert.equal(data.object, "chat.completion");
      assert.equal(data.choices[0]?.finish_reason, "stop");
      assert.ok((data.choices[0]?.message.content?.length ?? 0) > 0);
      assert.equal(data.usage?.total_tokens, data.usage && data.usage.prompt_tokens + data.usage.completion_tokens);
      const header = (name: string): string => response.headers.get(name) ?? "";
      assert.match(header("x-sluice-id"), /^req_/);
      const { _request_id } = await given.client.chat.completions.create(ask("plain"));
      assert.match(_request_id ?? "", /^[0-9a-f-]{36}$/);
      assert.deepEqual([header("x-sluice-tier"), header("x-sluice-model")], ["small", "gpt-4.1-mini"]);
      assert.equal(header("x-sluice-cache"), "miss");
      assert.ok(Number(header("x-sluice-cost-usd")) > 0);
      for (const [of, limit] of [
        ["requests", 100_000],
        ["tokens", 100_000_000],
      ] as const) {
        assert.equal(Number(header(`x-ratelimit-limit-${of}`)), limit);
        assert.ok(Number(header(`x-ratelimit-remaining-${of}`)) < limit);
        assert.match(header(`x-ratelimit-reset-${of}`), /^[\d.]+(ms|s|m)/);
      }
      const again = await given.client.chat.completions.create(ask("plain")).withResponse();
      assert.equal(again.response.headers.get("x-sluice-cache"), "exact");
      assert.deepEqual(again.data.choices, data.choices);
    });

    test("hands every parameter to the model as it is", async () => {
      const body = {
        model: "echo",
        messages: [
          { role: "developer", content: "Be brief." },
          {
            role: "user",
            name: "someone",
            content: [
              { type: "text", text: "What is this? äöü 😀" },
              { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=", detail: "low" } },
            ],
          },
          {
            role: "assistant",
            content: null,
            tool_calls: [
              { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Ulm"}' } },
            ],
          },
          { role: "tool", tool_call_id: "call_1", content: "rain" },
        ],
        audio: null,
        frequency_penalty: 0.1,
        logit_bias: { "50256": -100 },
        logprobs: true,
        top_logprobs: 2,
        max_completion_tokens: 100,
        metadata: { team: "a" },
        modalities: ["text"],
        n: 1,
        parallel_tool_calls: false,
        prediction: { type: "content", content: "It is" },
        presence_penalty: -0.1,
        prompt_cache_key: "key",
        reasoning_effort: "low",
        response_format: { type: "text" },
        safety_identifier: "hash",
        seed: 7,
        service_tier: "default",
        stop: ["\n\n", "END"],
        store: false,
        temperature: 0.3,
        tool_choice: "auto",
        tools: [WEATHER, { type: "custom", custom: { name: "free", format: { type: "text" } } }],
        top_p: 0.9,
        user: "u-1",
        verbosity: "low",
        web_search_options: { search_context_size: "low" },
        vendor_option: { nested: [1, 2.5, "three", null, true], big: 1e21 },
      };
      const answer = await given.client.chat.completions.create(body as unknown as Chat);
      assert.deepEqual(JSON.parse(answer.choices[0]?.message.content ?? ""), body);
      const streamed = { ...body, seed: 8, stream: true };
      const stream = await given.client.chat.completions.create(streamed as unknown as Streamed);
      // Usage is always asked for: it is what the request costs.
      const asked = { ...streamed, stream_options: { include_usage: true } };
      assert.deepEqual(JSON.parse(textOf(await collect(stream))), asked);
    });
  });

  test("embeddings, as numbers and as base64, are the same vectors", async () => {
    const body = { model: "text-embedding-3-small", input: ["one text", "another"], dimensions: 8 };
    // By itself the client asks for base64 and decodes it.
    const decoded = await given.client.embeddings.create(body);
    const floats = await given.client.embeddings.create({ ...body, encoding_format: "float" });
    const base64 = await given.client.embeddings.create({ ...body, encoding_format: "base64" });
    assert.deepEqual([decoded.data.length, decoded.data[1]?.index], [2, 1]);
    assert.equal(decoded.data[0]?.embedding.length, 8);
    for (const [at, { embedding }] of decoded.data.entries()) {
      const bytes = Buffer.from(base64.data[at]?.embedding as unknown as string, "base64");
      assert.deepEqual([...new Float32Array(new Uint8Array(bytes).buffer)], embedding);
      // Numbers are written with fewer digits.
      assert.ok(embedding.every((value, of) => Math.abs(value - (floats.data[at]?.embedding[of] ?? 9)) < 1e-6));
    }
    assert.ok(decoded.usage.prompt_tokens > 0);
  });

  test("models are listed and found", async () => {
    const ids = (await collect(await given.client.models.list())).map(({ id }) => id);
    for (const id of ["auto", "small", "gpt-4.1-mini"]) assert.ok(ids.includes(id), id);
    assert.equal((await given.client.models.retrieve("gpt-4.1")).object, "model");
    await assert.rejects(given.client.models.retrieve("none"), OpenAI.NotFoundError);
  });
}
