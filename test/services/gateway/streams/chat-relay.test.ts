/** A chat stream on its way to the caller: whatever is cut, lost or begun anew, what was sent joins into the Result's answer or ends in a plain no. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { TokenEvent } from "../../../../libs/shared/redis/token-events.ts";
import { ChatRelay } from "../../../../services/gateway/streams/chat-relay.ts";
import { ChatAssembler } from "../../../../services/inference/streaming/assemble.ts";

const HEAD = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 7, model: "m" };
const USAGE = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const OUR_USAGE = {
  ...{ prompt_tokens: 3, cached_prompt_tokens: 0, completion_tokens: 2, cost_usd: 0.5, price_version: "1" },
  estimated: false,
};

const chunk = (delta: object, more: object = {}, index = 0): string =>
  JSON.stringify({ ...HEAD, choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }] });
const start: TokenEvent = { kind: "start", attempt: 1, model: "m", endpoint: "e" };
const token = (text: string): TokenEvent => ({ kind: "token", chunk: text });
const succeeded: TokenEvent = { kind: "end", status: "succeeded", usage: OUR_USAGE };

/** Plays entries with consecutive ids. */
function play(relay: ChatRelay, events: readonly TokenEvent[], ms = "5", from = 0): string[] {
  return events.flatMap((event, at) => relay.take(`${ms}-${from + at}`, event));
}

function joined(chunks: readonly string[], n = 1): object | undefined {
  const assembler = new ChatAssembler(n);
  for (const one of chunks) assembler.add(JSON.parse(one));
  return assembler.response();
}

function whole(content: string): object {
  const message = { role: "assistant", content };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  return { id: "chatcmpl-1", object: "chat.completion", created: 7, model: "m", choices };
}

describe("a chat stream", () => {
  test("goes on as it came, from the first text on", () => {
    const relay = new ChatRelay(false);
    const role = chunk({ role: "assistant", content: "" });
    assert.deepEqual(play(relay, [start, token(role)]), []);
    assert.equal(relay.begun, false);
    const hi = chunk({ content: "hi" });
    assert.deepEqual(play(relay, [token(hi)], "5", 2), [role, hi]);
    assert.equal(relay.begun, true);
    assert.deepEqual(play(relay, [succeeded], "5", 3), []);
    assert.deepEqual(relay.ended?.usage, OUR_USAGE);
    assert.deepEqual(relay.closing(OUR_USAGE, { id: "r1" }), []);
  });

  test("shows usage to those who asked, with what it cost, and to nobody else", () => {
    const usage = JSON.stringify({ ...HEAD, choices: [], usage: USAGE });
    const mixed = JSON.stringify({ ...HEAD, choices: [{ index: 0, delta: { content: "b" } }], usage: USAGE });
    const events = [start, token(chunk({ content: "a" })), token(mixed), token(usage), succeeded];
    const unasked = new ChatRelay(false);
    assert.doesNotMatch(play(unasked, events).join(), /usage/);
    const asked = new ChatRelay(true);
    assert.equal(play(asked, events)[1], mixed);
    const account = { id: "r1", tier: "small", cache: "miss", cost_usd: 0.5 };
    assert.deepEqual(
      asked.closing(asked.ended?.usage, account).map((one) => JSON.parse(one)),
      [{ ...HEAD, choices: [], usage: USAGE, sluice: account }],
    );
  });

  test("makes the usage from what was charged where the provider gave none", () => {
    const relay = new ChatRelay(true);
    play(relay, [start, token(chunk({ content: "a" })), succeeded]);
    const [last] = relay.closing(OUR_USAGE, { id: "r1" });
    const { usage, choices } = JSON.parse(last as string);
    assert.deepEqual([usage.total_tokens, choices], [5, []]);
  });

  test("sends nothing of an attempt that is given up before its first text", () => {
    const relay = new ChatRelay(false);
    const gone = token(chunk({ role: "assistant", content: "" }));
    play(relay, [start, gone]);
    const sent = play(relay, [start, token(chunk({ content: "b" })), succeeded], "6");
    assert.deepEqual(joined(sent), whole2("b"));
    assert.equal(sent.length, 1);
  });

  test("goes on after another attempt only where what was sent is its beginning", () => {
    for (const [answer, fits] of [
      ["abcd", true],
      ["ab", true],
      ["abx", true],
      ["axcd", false],
      ["a", false],
    ] as const) {
      const relay = new ChatRelay(false);
      const sent = play(relay, [start, token(chunk({ role: "assistant", content: "ab" }))]);
      assert.deepEqual(play(relay, [start, token(chunk({ content: "zz" })), succeeded], "6"), []);
      assert.deepEqual([relay.live, relay.ended], [false, undefined]);
      const rest = relay.rest(whole(answer));
      assert.equal(rest !== undefined, fits, answer);
      if (rest !== undefined) assert.deepEqual(joined([...sent, ...rest]), whole(answer));
    }
  });

  test("takes an answer that is missing, cut short or without text from the Result", () => {
    const cut: TokenEvent = { kind: "end", status: "succeeded", truncated: true };
    const failed: TokenEvent = { kind: "end", status: "failed" };
    const finish = token(chunk({}, { finish_reason: "stop" }));
    for (const events of [[], [start], [start, succeeded], [start, finish, succeeded], [start, token("{]")]]) {
      const relay = new ChatRelay(false);
      assert.deepEqual(play(relay, events), []);
      assert.equal(relay.ended, undefined);
      assert.deepEqual(joined([...(relay.rest(whole("hi")) ?? [])]), whole("hi"));
    }
    for (const end of [cut, failed]) {
      const relay = new ChatRelay(false);
      const sent = play(relay, [start, token(chunk({ role: "assistant", content: "h" })), end]);
      assert.equal(relay.ended, undefined);
      assert.deepEqual(joined([...sent, ...(relay.rest(whole("hi")) ?? [])]), whole("hi"));
    }
  });

  test("tells of the tools of a whole answer as OpenAI does", () => {
    const call = (at: number) => ({
      ...{ id: `call_${at}`, type: "function" },
      function: { name: "look", arguments: `{"at":${at},"x":"${"y".repeat(9_000)}"}` },
    });
    const message = { role: "assistant", content: null, refusal: null, tool_calls: [call(0), call(1)] };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: "tool_calls" }];
    const response = { id: "c", object: "chat.completion", created: 1, model: "m", choices };
    const chunks = [...(new ChatRelay(false).rest(response) ?? [])];
    assert.deepEqual(joined(chunks), response);
    assert.ok(chunks.every((one) => one.length < 10_000));
    const [first] = chunks.map((one) => JSON.parse(one));
    assert.deepEqual(
      first.choices[0].delta.tool_calls.map(({ index, id }: { index: number; id: string }) => [index, id]),
      [
        [0, "call_0"],
        [1, "call_1"],
      ],
    );
    assert.equal(JSON.parse(chunks.at(-1) as string).choices[0].finish_reason, "tool_calls");
  });

  test("does not part what is one character", () => {
    const text = `${"a".repeat(4_095)}😀${"b".repeat(5_000)}`;
    const chunks = [...(new ChatRelay(false).rest(whole(text)) ?? [])];
    assert.deepEqual(joined(chunks), whole(text));
    assert.ok(chunks.every((one) => !/\\ud83d"/i.test(one)));
  });

  test("whatever was sent before the cut, the rest makes it whole", () => {
    fc.assert(
      fc.property(answers, fc.nat(40), fc.nat(6), ({ chunks, n }, lost_at, more) => {
        const response = joined(chunks, n);
        if (response === undefined) return;
        const relay = new ChatRelay(false);
        const events: TokenEvent[] = [start, ...chunks.map(token), succeeded];
        const sent = play(relay, events.slice(0, lost_at));
        // A gap: what follows is not for this reader.
        sent.push(...play(relay, events.slice(lost_at + 1), "5", lost_at + 1 + more));
        if (relay.ended === undefined) {
          const rest = relay.rest(response);
          assert.ok(rest !== undefined);
          sent.push(...rest);
        }
        assert.deepEqual(joined(sent, n), response);
      }),
      { numRuns: 300 },
    );
  });
});

const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "😀"), maxLength: 6 });
const logprobs = fc.option(
  fc.record({ content: fc.array(fc.record({ token: text, logprob: fc.integer() }), { minLength: 1, maxLength: 3 }) }),
  { nil: null },
);
const delta = fc.oneof(
  fc.record({ content: text }),
  fc.record({ refusal: text }),
  fc.record({ reasoning_content: text }),
  fc.record({
    tool_calls: fc.array(fc.record({ index: fc.nat(1), function: fc.record({ arguments: text }) }), {
      minLength: 1,
      maxLength: 2,
    }),
  }),
);
const tool = (index: number) => ({
  index,
  id: `call_${index}`,
  type: "function",
  function: { name: "f", arguments: "" },
});

/** Chunks of an answer with one or two choices, each with a role first and an end. */
const answers = fc
  .record({
    n: fc.constantFrom(1, 2),
    middle: fc.array(fc.record({ index: fc.nat(1), delta, logprobs }), { minLength: 1, maxLength: 25 }),
  })
  .map(({ n, middle }) => {
    const indexes = [...Array(n).keys()];
    return {
      n,
      chunks: [
        ...indexes.map((index) => chunk({ role: "assistant", content: "", tool_calls: [tool(0), tool(1)] }, {}, index)),
        ...middle.map((one) => chunk(one.delta, { logprobs: one.logprobs }, one.index % n)),
        ...indexes.map((index) => chunk({}, { finish_reason: "stop" }, index)),
      ],
    };
  });

/** Of one chunk without an end. */
function whole2(content: string): object {
  const choices = [{ index: 0, message: { role: "assistant", content }, logprobs: null, finish_reason: null }];
  return { ...whole(content), choices };
}
