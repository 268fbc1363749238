/** What is sent to the model. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { callBody, pathFor } from "../../../services/inference/call.ts";
import { promptOf } from "../../../services/inference/shaping.ts";
import { jobOf } from "./fixture.ts";

const messages = [{ role: "user", content: "hi" }];
const bodyOf = (head: JobHead, body: object, model = "m1") =>
  callBody(head, model, Buffer.from(JSON.stringify({ tenant: "demo", body })));
const sent = (head: JobHead, body: object): unknown => JSON.parse(bodyOf(head, body).bytes.toString());

describe("the call", () => {
  test("goes to the path of its kind", () => {
    assert.equal(pathFor("chat"), "/chat/completions");
    assert.equal(pathFor("embeddings"), "/embeddings");
  });

  const rows: readonly (readonly [what: string, max: number | undefined, body: object, expected: object])[] = [
    ["has the model to call", undefined, { model: "auto", messages }, { model: "m1", messages }],
    [
      "is whole where no stream is wanted",
      undefined,
      { messages, stream: false, stream_options: {} },
      { model: "m1", messages },
    ],
    [
      "is a stream that tells its usage where one is wanted",
      undefined,
      { messages, stream: true, stream_options: { include_usage: false, x: 1 } },
      { model: "m1", messages, stream: true, stream_options: { include_usage: true, x: 1 } },
    ],
    ["keeps what we do not know", undefined, { messages, seed: 7, x: {} }, { model: "m1", messages, seed: 7, x: {} }],
    ["is bounded", 9, { messages }, { model: "m1", messages, max_completion_tokens: 9 }],
    ["is bounded to the lower", 9, { messages, max_tokens: 5 }, { model: "m1", messages, max_tokens: 5 }],
    ["is bounded in the caller's field", 9, { messages, max_tokens: 50 }, { model: "m1", messages, max_tokens: 9 }],
    [
      "is bounded in both fields",
      9,
      { messages, max_tokens: 5, max_completion_tokens: 500 },
      { model: "m1", messages, max_tokens: 5, max_completion_tokens: 9 },
    ],
    ["is bounded where null", 9, { messages, max_tokens: null }, { model: "m1", messages, max_tokens: 9 }],
    [
      "is bounded in the newer field",
      9,
      { messages, max_completion_tokens: 50 },
      { model: "m1", messages, max_completion_tokens: 9 },
    ],
  ];
  for (const [what, max_output_tokens, body, expected] of rows) {
    test(what, () =>
      assert.deepEqual(sent(jobOf(max_output_tokens === undefined ? {} : { max_output_tokens }), body), expected),
    );
  }

  test("has the tier's prompt in front, the job's version of it before the settings'", () => {
    const tier = { prompts: { a: "Be brief.", b: "Be kind." }, prompt: "a" };
    for (const [version, text] of [
      [undefined, "Be brief."],
      ["b", "Be kind."],
      ["gone", "Be brief."],
      ["toString", "Be brief."],
    ]) {
      const system = promptOf(tier, version)?.text;
      assert.equal(system, text);
      const request = Buffer.from(
        JSON.stringify({ body: { messages: [{ role: "system", content: "Own." }, ...messages] } }),
      );
      const { bytes } = callBody(jobOf(), "m1", request, () => ({ logprobs: false, system: system ?? "" }));
      const call = JSON.parse(bytes.toString()) as { messages: { role: string; content: string }[] };
      assert.deepEqual(
        call.messages.map(({ content }) => content),
        [text, "Own.", "hi"],
      );
      assert.equal(call.messages[0]?.role, "system");
    }
    assert.equal(promptOf({ prompts: {} }, "b"), undefined);
    assert.equal(promptOf({ prompts: { a: "Unused." } }, undefined), undefined);
  });

  test("is bounded by what the model takes where it is bounded at all: ingest's bound may be for another one", () => {
    const request = Buffer.from(JSON.stringify({ body: { messages } }));
    for (const [max_output_tokens, sent_max] of [
      [9, 9],
      [100, 50],
      [undefined, undefined],
    ]) {
      const head = jobOf(max_output_tokens === undefined ? {} : { max_output_tokens });
      const { bytes } = callBody(head, "m1", request, () => ({ logprobs: false, output_tokens_max: 50 }));
      const call = JSON.parse(bytes.toString()) as { max_completion_tokens?: number };
      assert.equal(call.max_completion_tokens, sent_max);
    }
  });

  test("for embeddings has no bound on output, and is no stream", () => {
    const head = jobOf({ kind: "embeddings", max_output_tokens: 9 });
    assert.deepEqual(sent(head, { input: "a", stream: true }), { model: "m1", input: "a" });
    assert.equal(bodyOf(head, { input: "a", stream: true }).streamed, false);
  });

  test("knows what it may use at the most: its prompt, and its output for every choice", () => {
    const { prompt_tokens, tokens, choices } = bodyOf(jobOf(), { messages, max_tokens: 100, n: 3 });
    assert.ok(prompt_tokens > 0);
    assert.deepEqual([tokens - prompt_tokens, choices], [300, 3]);
    const unbounded = bodyOf(jobOf(), { messages });
    assert.ok(unbounded.tokens > unbounded.prompt_tokens, "an output that nobody bounded is guessed");
    const embeddings = bodyOf(jobOf({ kind: "embeddings" }), { input: "hello" });
    assert.equal(embeddings.tokens, embeddings.prompt_tokens);
  });

  test("names its prefix: the same for what stands before two conversations", () => {
    const system = { role: "system", content: "be brief" };
    const prefixOf = (content: string): string =>
      bodyOf(jobOf(), { messages: [system, { role: "user", content }] }).prefix;
    assert.equal(prefixOf("a"), prefixOf("b"));
    assert.notEqual(prefixOf("a"), bodyOf(jobOf(), { messages }).prefix);
  });
});
