import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { answer, chooseTool, compose } from "../../../tools/mock-llm/answers.ts";
import { type Completion, completionObject, streamSteps } from "../../../tools/mock-llm/completion.ts";
import { embed, encodeVector, parseEmbeddings } from "../../../tools/mock-llm/embeddings.ts";
import { seededRandom } from "../../../tools/mock-llm/hash.ts";
import { minimalValue } from "../../../tools/mock-llm/json-schema.ts";
import { type ChatRequest, parseChat } from "../../../tools/mock-llm/requests.ts";
import { countTokens } from "../../../tools/mock-llm/tokens.ts";

const ask = (extra: Record<string, unknown> = {}): ChatRequest => {
  const body = { model: "m", messages: [{ role: "user", content: "How do I reset my password?" }], ...extra };
  const parsed = parseChat(body);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.message);
  return parsed.request;
};

const say = (request: ChatRequest, more: { key?: string; tokens?: number; recorded?: string } = {}) =>
  answer({ request, key: more.key ?? "k", seed: 1, tokens: more.tokens, recorded: more.recorded });

describe("answers", () => {
  test("the same request gets the same answer, which names the model and restates the prompt", () => {
    const [first] = say(ask());
    assert.deepEqual(say(ask()), [first]);
    assert.match(first?.text ?? "", /^\[m\] .*How do I reset my password/);
    assert.equal(first?.finish_reason, "stop");
    assert.notDeepEqual(say(ask(), { key: "other" }), [first]);
  });

  test("choices differ", () => assert.equal(new Set(say(ask({ n: 4 })).map((choice) => choice.text)).size, 4));

  test("a length that is asked for is met to the token, whatever the prompt", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 500 }), fc.nat(), (prompt, tokens, seed) => {
        assert.equal(countTokens(compose("m", prompt, tokens, seededRandom(seed))), tokens);
      }),
    );
  });

  test("max_tokens cuts, stop cuts earlier", () => {
    const [cut] = say(ask({ max_tokens: 3 }), { recorded: "one two three four five" });
    assert.deepEqual(cut, { text: "one two thre", finish_reason: "length", tool: undefined, tokens: 3 });
    const [stopped] = say(ask({ stop: ["four", " two"] }), { recorded: "one two three four five" });
    assert.deepEqual([stopped?.text, stopped?.finish_reason], ["one", "stop"]);
  });

  test("response formats give JSON that fits", () => {
    const [object] = say(ask({ response_format: { type: "json_object" } }));
    assert.equal(JSON.parse(object?.text ?? "").model, "m");
    const schema = {
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    const [typed] = say(ask({ response_format: { type: "json_schema", json_schema: { name: "x", schema } } }));
    assert.deepEqual(JSON.parse(typed?.text ?? ""), { a: 1 });
  });

  const tool = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } });
  const tools = [tool("get_weather"), tool("reset_password")];
  for (const [name, extra, expected] of [
    ["auto takes the one that fits the prompt", { tools }, "reset_password"],
    ["none takes none", { tools, tool_choice: "none" }, undefined],
    [
      "a named one is taken",
      { tools, tool_choice: { type: "function", function: { name: "get_weather" } } },
      "get_weather",
    ],
    ["required takes the first when none fits", { tools: [tool("zzz")], tool_choice: "required" }, "zzz"],
    ["a tool's result is answered with text", { tools, messages: [{ role: "tool", content: "ok" }] }, undefined],
  ] as const) {
    test(`tools: ${name}`, () => {
      const request = ask(extra);
      assert.equal(chooseTool(request, request.last_user_text)?.name, expected);
      assert.equal(say(request)[0]?.finish_reason, expected === undefined ? "stop" : "tool_calls");
    });
  }
});

describe("requests that are refused", () => {
  const messages = [{ role: "user", content: "x" }];
  for (const [body, param] of [
    [{ messages }, "model"],
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: [] }, "messages"],
    [{ model: "m", messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ model: "m", messages: [{ role: "user", content: 1 }] }, "messages[0].content"],
    [{ model: "m", messages, max_tokens: 0 }, "max_tokens"],
    [{ model: "m", messages, n: 1.5 }, "n"],
    [{ model: "m", messages, temperature: 3 }, "temperature"],
    [{ model: "m", messages, top_logprobs: 2 }, "top_logprobs"],
    [{ model: "m", messages, stop: [1] }, "stop"],
    [{ model: "m", messages, stream: "yes" }, "stream"],
    [{ model: "m", messages, tools: [{}] }, "tools[0].function.name"],
    [{ model: "m", messages, response_format: { type: "xml" } }, "response_format"],
  ] as const) {
    test(`${param}`, () => {
      const parsed = parseChat(body);
      assert.ok(!parsed.ok);
      assert.deepEqual([parsed.error.status, parsed.error.param], [400, param]);
    });
  }

  test("no JSON object makes the parsers throw", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const body = fc.record(
      { model: value, messages: value, tools: value, stop: value, input: value },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(body, (fields) => {
        parseChat(fields);
        parseEmbeddings(fields);
      }),
    );
  });
});

describe("minimal values of a JSON schema", () => {
  const text = "some text";
  const node = {
    type: "object",
    properties: { next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
    required: ["next"],
  };
  for (const [name, schema, value] of [
    ["const", { const: 7 }, 7],
    ["enum", { type: "string", enum: ["b", "a"] }, "b"],
    ["optional properties are left out", { type: "object", properties: { a: { type: "string" } } }, {}],
    ["items by minItems", { type: "array", items: { type: "boolean" }, minItems: 2 }, [true, true]],
    ["limits of strings", { type: "string", maxLength: 4 }, "some"],
    ["padding", { type: "string", minLength: 11 }, "some text.."],
    ["formats", { type: "string", format: "date" }, "2026-01-01"],
    ["minimum", { type: "integer", minimum: 5 }, 5],
    ["multipleOf", { type: "integer", exclusiveMinimum: 5, multipleOf: 4 }, 8],
    ["maximum below one", { type: "number", maximum: -2 }, -2],
    ["nullable types", { type: ["null", "integer"] }, 1],
    ["allOf", { allOf: [{ properties: { a: { const: 1 } } }, { required: ["a"] }] }, { a: 1 }],
    ["$ref", { $ref: "#/$defs/n", $defs: { n: { type: "integer" } } }, 1],
    ["an empty schema", {}, text],
  ] as const) {
    test(name, () => assert.deepEqual(minimalValue(schema, text), value));
  }

  test("a schema that refers to itself ends", () => {
    assert.ok(JSON.stringify(minimalValue({ $ref: "#/$defs/node", $defs: { node } }, text)).length < 1_000);
    minimalValue({ $ref: "#" }, text);
    minimalValue({ allOf: [{ $ref: "#" }] }, text);
  });
});

describe("completions", () => {
  const completion = (request: ChatRequest, logprobs?: Completion["logprobs"]): Completion => ({
    id: "chatcmpl-1",
    created_s: 1,
    model: "m",
    system_fingerprint: "fp",
    answers: say(request),
    prompt_tokens: 10,
    cached_tokens: 0,
    logprobs,
  });
  const chunks = (steps: readonly { readonly text: string }[]) =>
    steps
      .flatMap((step) => step.text.split("\n\n"))
      .filter((line) => line !== "" && line !== "data: [DONE]")
      .map((line) => JSON.parse(line.slice("data: ".length)));

  test("a stream says what the body says, a token a chunk", () => {
    const whole = completion(ask({ n: 2 }), { top: 1, mean: -0.2 });
    const steps = streamSteps(whole, true);
    const parts = chunks(steps);
    for (const index of [0, 1]) {
      const own = parts.flatMap((part) => part.choices).filter((choice) => choice.index === index);
      assert.equal(own.map((choice) => choice.delta.content ?? "").join(""), whole.answers[index]?.text);
      assert.equal(own[0].delta.role, "assistant");
      assert.equal(own.at(-1).finish_reason, "stop");
    }
    const body = completionObject(whole) as { usage: { completion_tokens: number } };
    assert.deepEqual(parts.at(-1).usage, body.usage);
    assert.equal(
      steps.reduce((sum, step) => sum + step.tokens, 0),
      body.usage.completion_tokens,
    );
    assert.ok(steps.at(-1)?.text.endsWith("data: [DONE]\n\n"));
  });

  test("without include_usage no chunk speaks of usage", () => {
    assert.ok(chunks(streamSteps(completion(ask()), false)).every((part) => !("usage" in part)));
  });

  test("a tool call streams its name first and then its arguments", () => {
    const tools = [{ type: "function", function: { name: "f", parameters: { required: ["q"] } } }];
    const deltas = chunks(streamSteps(completion(ask({ tools })), false)).map((part) => part.choices[0].delta);
    assert.equal(deltas[0].tool_calls[0].function.name, "f");
    const text = deltas.map((delta) => delta.tool_calls?.[0].function.arguments ?? "").join("");
    assert.deepEqual(JSON.parse(text), { q: "How do I reset my password" });
  });
});

describe("embeddings", () => {
  const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

  test("unit length, whatever the text and the size", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 600 }), (text, dimensions) => {
        const vector = embed(text, dimensions, 1);
        assert.ok(Math.abs(cosine(vector, vector) - 1) < 1e-4);
        assert.deepEqual(embed(text, dimensions, 1), vector);
      }),
    );
  });

  test("texts that share words are near each other", () => {
    const [a, b, c] = ["how do I reset my password", "how can I reset a password", "weather in Paris tomorrow"].map(
      (text) => embed(text, 384, 1),
    );
    assert.ok(a && b && c);
    assert.ok(cosine(a, b) > 0.4);
    assert.ok(Math.abs(cosine(a, c)) < 0.2);
  });

  test("base64 holds the same numbers as float", () => {
    const vector = embed("hello", 8, 1);
    const bytes = Buffer.from(encodeVector(vector, "base64") as string, "base64");
    const floats = Array.from(vector, (_, at) => bytes.readFloatLE(at * 4));
    for (const [at, value] of (encodeVector(vector, "float") as number[]).entries()) {
      assert.ok(Math.abs(value - (floats[at] ?? 9)) < 1e-7);
    }
  });

  for (const [input, inputs, prompt_tokens] of [
    ["hello", 1, 2],
    [["hello", "you"], 2, 3],
    [[1, 2, 3], 1, 3],
    [[[1, 2], [3]], 2, 3],
    ["", undefined, 0],
    [[], undefined, 0],
    [[""], undefined, 0],
    [[1, "a"], undefined, 0],
    [{}, undefined, 0],
  ] as const) {
    test(`input ${JSON.stringify(input)}`, () => {
      const parsed = parseEmbeddings({ model: "e", input });
      assert.equal(parsed.ok ? parsed.request.inputs.length : undefined, inputs);
      if (parsed.ok) assert.equal(parsed.request.prompt_tokens, prompt_tokens);
    });
  }
});
