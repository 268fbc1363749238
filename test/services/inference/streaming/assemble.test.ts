/** Chunks of a streamed chat completion, put together: by example, and by taking whole answers apart in any way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ChatAssembler } from "../../../../services/inference/streaming/assemble.ts";

type Delta = Record<string, unknown>;

const HEAD = { id: "chatcmpl-1", created: 7, model: "m" };
const chunk = (delta: Delta, more: object = {}, index = 0) => ({
  ...HEAD,
  object: "chat.completion.chunk",
  choices: [{ index, delta, finish_reason: null, logprobs: null, ...more }],
});

function assemble(chunks: readonly unknown[], choices_expected = 1) {
  const assembler = new ChatAssembler(choices_expected);
  for (const one of chunks) assembler.add(one);
  return assembler;
}

/** The answer as it goes over the wire. */
const sent = (assembler: ChatAssembler): Record<string, unknown> =>
  JSON.parse(JSON.stringify(assembler.response())) as Record<string, unknown>;
const messageOf = (...deltas: readonly Delta[]): unknown => {
  const [choice] = sent(assemble(deltas.map((delta) => chunk(delta))))["choices"] as [{ message: unknown }];
  return choice.message;
};

describe("a streamed answer", () => {
  test("becomes the one that a call without a stream gives", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    const logprobs = (token: string) => ({ content: [{ token, logprob: -0.1 }], refusal: null });
    const assembler = assemble([
      { id: "", created: 0, model: "", choices: [], prompt_filter_results: [1] },
      { ...chunk({ role: "assistant", content: "", refusal: null }), system_fingerprint: "fp", obfuscation: "xyz" },
      chunk({ content: "Hel" }, { logprobs: logprobs("Hel") }),
      { ...chunk({ content: "lo" }, { logprobs: logprobs("lo") }), service_tier: "default" },
      chunk({}, { finish_reason: "stop", content_filter_results: { hate: "safe" } }),
      { ...HEAD, object: "chat.completion.chunk", choices: [], usage },
    ]);
    assert.deepEqual(sent(assembler), {
      ...{ ...HEAD, object: "chat.completion" },
      choices: [
        {
          ...{ index: 0, finish_reason: "stop", content_filter_results: { hate: "safe" } },
          message: { role: "assistant", content: "Hello", refusal: null },
          logprobs: { content: [...logprobs("Hel").content, ...logprobs("lo").content], refusal: null },
        },
      ],
      ...{ usage, system_fingerprint: "fp", service_tier: "default", prompt_filter_results: [1] },
    });
    assert.deepEqual([assembler.complete, assembler.usage], [true, usage]);
    assert.deepEqual(assembler.received, { chars: 5, chunks: 2 });
  });

  test("has tools called side by side, each with its own arguments", () => {
    const call = (index: number, more: object) => ({ tool_calls: [{ index, ...more }] });
    assert.deepEqual(
      messageOf(
        { role: "assistant", content: null },
        call(1, { id: "b", type: "function", function: { name: "two", arguments: "" } }),
        call(0, { id: "a", type: "function", function: { name: "one", arguments: "" } }),
        call(1, { function: { arguments: '{"x"' } }),
        call(0, { function: { arguments: "{}" } }),
        // Said again, as some do.
        call(1, { id: "b", type: "function", function: { name: "two", arguments: ":1}" } }),
      ),
      {
        ...{ role: "assistant", content: null },
        tool_calls: [
          { id: "a", type: "function", function: { name: "one", arguments: "{}" } },
          { id: "b", type: "function", function: { name: "two", arguments: '{"x":1}' } },
        ],
      },
    );
  });

  test("has tools that came without an index: a new id is a new call", () => {
    const call = (more: object) => ({ tool_calls: [more] });
    assert.deepEqual(
      messageOf(
        call({ id: "a", function: { name: "one", arguments: "{" } }),
        call({ function: { arguments: "}" } }),
        call({ id: "b", function: { name: "two", arguments: "[" } }),
        call({ id: "b", function: { arguments: "]" } }),
      ),
      {
        ...{ role: "assistant", content: null },
        tool_calls: [
          { id: "a", function: { name: "one", arguments: "{}" } },
          { id: "b", function: { name: "two", arguments: "[]" } },
        ],
      },
    );
  });

  test("keeps fields that nobody has heard of", () => {
    assert.deepEqual(
      messageOf(
        { reasoning_content: "be", audio: { id: "x", data: "AA" }, score: 1, __proto__: null },
        { reasoning_content: "cause", audio: { data: "BB", expires_at: 9 }, score: 2, list: [1] },
        { refusal: "I ", details: [{ index: 1, text: "b" }] },
        {
          refusal: "cannot",
          list: [2],
          details: [
            { index: 1, text: "c" },
            { index: 0, text: "a" },
          ],
        },
      ),
      {
        ...{ role: "assistant", content: null, reasoning_content: "because", refusal: "I cannot" },
        ...{ audio: { id: "x", data: "AABB", expires_at: 9 }, score: 2, list: [2] },
        details: [
          { index: 1, text: "bc" },
          { index: 0, text: "a" },
        ],
      },
    );
  });

  test("is complete when every choice that was asked for came to its end", () => {
    const stop = { finish_reason: "stop" };
    const one = [chunk({ content: "a" }, stop)];
    assert.equal(assemble([]).complete, false);
    assert.equal(assemble([chunk({ content: "a" })]).complete, false);
    assert.equal(assemble(one).complete, true);
    assert.equal(assemble(one, 2).complete, false);
    assert.equal(assemble([...one, chunk({ content: "b" }, {}, 1)], 2).complete, false);
    assert.equal(assemble([...one, chunk({ content: "b" }, stop, 1)], 2).complete, true);
  });

  test("tells which chunks brought something of the answer", () => {
    const assembler = new ChatAssembler();
    const heard = [
      chunk({ role: "assistant", content: "" }),
      chunk({ reasoning_content: "hm" }),
      chunk({ content: "a" }),
      chunk({ tool_calls: [{ index: 0, id: "a", type: "function", function: { arguments: "{" } }] }),
      chunk({}, { finish_reason: "stop" }),
    ].map((one) => assembler.add(one));
    assert.deepEqual(heard, [false, true, true, true, false]);
    assert.deepEqual(assembler.received, { chars: 4, chunks: 3 });
  });

  test("is nothing when nothing came, and what is no chunk is passed over", () => {
    for (const nothing of [null, 7, "x", [], {}, { choices: null }, { choices: [null, 7] }, { choices: {} }]) {
      assert.equal(assemble([nothing]).response(), undefined);
    }
    const odd = [{ choices: [{}] }, { choices: [{ delta: 7, logprobs: 7, index: "x" }] }];
    assert.deepEqual(sent(assemble(odd))["choices"], [
      { index: 0, message: { role: "assistant", content: null }, logprobs: null, finish_reason: null },
    ]);
  });

  test("reaches no prototype", () => {
    const evil = JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}') as Delta;
    const message = messageOf(evil, evil) as Delta;
    assert.equal(({} as Delta)["polluted"], undefined);
    assert.equal(Object.getPrototypeOf(message), Object.prototype);
  });

  test("is the same however it was taken apart", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    const tool = fc.record({ id: fc.string({ minLength: 1 }), name: fc.string({ minLength: 1 }), arguments: text });
    const choice = fc.record({ content: text, tools: fc.array(tool, { maxLength: 3 }) });
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
    fc.assert(
      fc.property(fc.array(choice, { minLength: 1, maxLength: 3 }), sizes, (choices, size) => {
        const pieces = (whole: string): string[] => {
          const list: string[] = [];
          for (let at = 0; at < whole.length; ) {
            const length = size.next().value;
            list.push(whole.slice(at, at + length));
            at += length;
          }
          return list;
        };
        const queues = choices.map(({ content, tools }, index) => [
          chunk({ role: "assistant", content: "" }, {}, index),
          ...pieces(content).map((piece) => chunk({ content: piece }, {}, index)),
          ...tools.flatMap(({ id, name, arguments: args }, place) => [
            chunk(
              { tool_calls: [{ index: place, id, type: "function", function: { name, arguments: "" } }] },
              {},
              index,
            ),
            ...pieces(args).map((piece) =>
              chunk({ tool_calls: [{ index: place, function: { arguments: piece } }] }, {}, index),
            ),
          ]),
          chunk({}, { finish_reason: "stop" }, index),
        ]);
        // The choices' chunks come mixed, each choice's own in order.
        const chunks: unknown[] = [];
        for (let turn = 0; queues.some((queue) => queue.length > 0); turn += size.next().value) {
          const next = queues[turn % queues.length]?.shift() ?? queues.find((queue) => queue.length > 0)?.shift();
          chunks.push(next);
        }
        const assembler = assemble(chunks, choices.length);
        assert.equal(assembler.complete, true);
        assert.deepEqual(
          sent(assembler)["choices"],
          choices.map(({ content, tools }, index) => ({
            ...{ index, logprobs: null, finish_reason: "stop" },
            message: {
              ...{ role: "assistant", content },
              ...(tools.length === 0
                ? {}
                : {
                    tool_calls: tools.map(({ id, name, arguments: args }) => ({
                      ...{ id, type: "function", function: { name, arguments: args } },
                    })),
                  }),
            },
          })),
        );
      }),
    );
  });
});
