/** Prompt tokens: never fewer than a tokenizer or the mock model server counts, in time that does not explode, for any body. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import {
  type Encodings,
  loadEncodings,
  TOKENIZED_BYTES_MAX,
  textCounter,
} from "../../../../libs/shared/estimate/encodings.ts";
import { imageTokensMax } from "../../../../libs/shared/estimate/images.ts";
import { promptTokensMax } from "../../../../libs/shared/estimate/tokens.ts";
import { parseChat } from "../../../../tools/mock-llm/requests.ts";
import { countPromptTokens } from "../../../../tools/mock-llm/tokens.ts";

const AS_TEXT = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
const real = (text: string): number => countTokens(text, AS_TEXT);
const price = { encoding: "o200k_base", bytes_per_token: 2.5 } as const;
const model = { name: "gpt-4.1-mini", price };

let encodings: Encodings;
before(async () => {
  encodings = await loadEncodings({ a: price, b: { encoding: "cl100k_base" }, c: { encoding: "bytes" } });
});

const chat = (messages: unknown, rest: object = {}): number =>
  promptTokensMax("chat", { messages, ...rest }, model, encodings);
const embed = (input: unknown): number => promptTokensMax("embeddings", { input }, model, encodings);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.lorem({ maxCount: 60 }),
  fc
    .tuple(
      fc.constantFrom("a", " ", "\n", ".", " \n", "的", "😀", "<|endoftext|>", "\ud800", "'s"),
      fc.integer({ min: 1, max: 400 }),
    )
    .map(([unit, times]) => unit.repeat(times)),
);
const texts = fc.array(text, { maxLength: 4 }).map((parts) => parts.join(""));

describe("a text", () => {
  test("has at least the tokenizer's count", () => {
    fc.assert(
      fc.property(texts, (sample) => {
        assert.ok(textCounter(price, encodings)(sample) >= real(sample));
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  test("beyond what is tokenized it still has, and plain words are not counted by their bytes", () => {
    fc.assert(
      fc.property(texts, fc.lorem({ maxCount: 40 }), (sample, words) => {
        const count = textCounter(price, encodings);
        count(" and".repeat(TOKENIZED_BYTES_MAX / 4));
        assert.ok(count(sample + words) >= real(sample + words));
      }),
      { numRuns: 100, seed: 5 },
    );
    const prose = "the quick brown fox jumps over the lazy dog, and then it sleeps. ".repeat(4_000);
    const bound = textCounter(price, encodings)(prose);
    assert.ok(bound >= real(prose) && bound < 1.5 * real(prose));
  });

  test("English is counted closely", () => {
    const prose =
      "Every request that a team produces ends in exactly one result, and its cost never passes the budget. ";
    assert.ok(textCounter(price, encodings)(prose.repeat(20)) <= 1.35 * real(prose.repeat(20)));
  });

  test("what looks like a special token is text", () => {
    assert.ok(textCounter(price, encodings)("<|endoftext|><|im_start|>") > 4);
  });

  test("long runs are counted by their bytes, each character once", () => {
    for (const unit of ["a", " ", " \n", ".", "的", "😀.", "/\n"]) {
      const long = unit.repeat(20_000);
      const bound = textCounter(price, encodings)(long);
      assert.ok(bound <= Buffer.byteLength(long) + 16, unit);
      assert.ok(bound >= long.length / 4, unit);
    }
  });

  test("an encoding that is not loaded, or `bytes`, counts bytes", () => {
    assert.equal(textCounter(price, new Map())("déjà"), 6);
    assert.equal(textCounter({ encoding: "bytes", bytes_per_token: 2.5 }, encodings)("déjà"), 3);
  });
});

describe("a chat request", () => {
  const part = fc.oneof(
    texts.map((value) => ({ type: "text", text: value })),
    fc.constant({ type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "low" } }),
  );
  const message = fc.record({
    role: fc.constantFrom("system", "user", "assistant"),
    content: fc.oneof(texts, fc.array(part, { minLength: 1, maxLength: 4 })),
  });
  const tool = fc.record({
    type: fc.constant("function"),
    function: fc.record({ name: fc.constant("f"), description: texts, parameters: fc.object({ maxDepth: 3 }) }),
  });

  test("has at least what the mock model server counts, and what the tokenizer says of its texts", () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.array(tool, { maxLength: 3 }),
        (messages, tools) => {
          const body = JSON.parse(JSON.stringify({ model: "m", messages, tools }));
          const parsed = parseChat(body);
          assert.ok(parsed.ok);
          const bound = promptTokensMax("chat", body, model, encodings);
          const { request } = parsed;
          assert.ok(bound >= countPromptTokens({ messages: request.messages, extra: request.extra_prompt }));
          const in_all = request.messages.reduce((sum, one) => sum + 3 + real(one.text), 3);
          assert.ok(bound >= in_all);
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });

  test("never fails, whatever the parts hold", () => {
    fc.assert(
      fc.property(fc.array(fc.object({ maxDepth: 4 }), { minLength: 1 }), fc.object(), (parts, rest) => {
        const content = parts.map((one, index) => ({
          ...one,
          type: ["text", "image_url", "input_audio", "file", "x"][index % 5],
        }));
        const tokens = chat([{ role: "user", content, ...rest }], rest);
        assert.ok(Number.isSafeInteger(tokens) && tokens > 0);
      }),
      { numRuns: 200, seed: 5 },
    );
    assert.ok(chat([{ role: "assistant", content: null }]) > 0);
    assert.ok(chat([{ role: "user", content: [{ type: "input_audio", input_audio: null }] }]) > 0);
  });

  test("names, tool calls, tools and schemas count", () => {
    const plain = chat([{ role: "user", content: "hi" }]);
    const call = { id: "c", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } };
    assert.ok(chat([{ role: "user", content: "hi", name: "someone" }]) > plain);
    assert.ok(chat([{ role: "assistant", content: "hi", tool_calls: [call] }]) > plain + 15);
    assert.ok(chat([{ role: "user", content: "hi" }], { functions: [{ name: "f", parameters: {} }] }) > plain + 15);
    const response_format = { type: "json_schema", json_schema: { name: "n", schema: { type: "object" } } };
    assert.ok(chat([{ role: "user", content: "hi" }], { response_format }) > plain + 15);
    assert.equal(chat([{ role: "user", content: "hi" }], { metadata: { a: "b" }, temperature: 1 }), plain);
  });

  test("images count by the model's formula at its largest, not by their bytes", () => {
    assert.equal(imageTokensMax("gpt-4.1", "high"), 85 + 8 * 170);
    assert.equal(imageTokensMax("gpt-4o", "low"), 85);
    assert.equal(imageTokensMax("gpt-4o-mini", undefined), 2_833 + 8 * 5_667);
    assert.equal(imageTokensMax("gpt-4.1-mini", "low"), Math.ceil(1_536 * 1.62));
    assert.ok(imageTokensMax("llava", "auto") >= imageTokensMax("gpt-4.1", "auto"));
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(100_000)}` } };
    assert.ok(chat([{ role: "user", content: [image] }]) < 3_000);
  });

  test("sound and files count by their size", () => {
    const audio = { type: "input_audio", input_audio: { data: "A".repeat(64_000), format: "mp3" } };
    const tokens = chat([{ role: "user", content: [audio] }]);
    assert.ok(tokens >= 480 && tokens < 2_000);
    const file = { type: "file", file: { file_data: "A".repeat(40_000), filename: "a.pdf" } };
    assert.ok(chat([{ role: "user", content: [file] }]) >= 30_000);
    assert.ok(chat([{ role: "user", content: [{ type: "file", file: { file_id: "f" } }] }]) >= 128_000);
  });
});

describe("embeddings", () => {
  test("texts by the tokenizer, tokens by their number", () => {
    assert.ok(embed("hello world") >= 2);
    assert.ok(embed(["hello", "world"]) >= 2);
    assert.ok(embed([1, 2, 3]) >= 3 && embed([1, 2, 3]) < 20);
    assert.ok(embed([[1, 2], [3]]) >= 3 && embed([[1, 2], [3]]) < 20);
  });
});
