/** The heuristic: everyday prompts stay with the weaker tier, work does not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { COMPLEXITY_THRESHOLD, complexityOf } from "../../../../libs/shared/routing/complexity.ts";

const scoreOf = (text: string, more: Partial<Parameters<typeof complexityOf>[0]> = {}) =>
  complexityOf({ text, chars: text.length, turns: 1, features: ["chat"], ...more }).score;

describe("complexity", () => {
  const easy = [
    "hi",
    "What is the capital of France?",
    "Translate 'good morning' into Spanish.",
    "Write a haiku about the sea.",
    "Summarise this in one sentence: the meeting moved to Tuesday.",
    "What time is it in Tokyo when it is noon in London?",
    "Can you recommend a good book?",
    "",
  ];
  for (const text of easy) {
    test(`of "${text}" is below the threshold`, () => assert.ok(scoreOf(text) < COMPLEXITY_THRESHOLD));
  }

  const hard = [
    "Prove that the sum of two odd numbers is even, derive the general theorem step by step, and explain why it fails for matrices.",
    "Refactor this class to remove the race condition:\n```\nasync function f() { await g(); }\n```\nIt must not use locks and should keep at least 3 unit tests green.",
    "Design an architecture for a payment system. Compare three strategies, analyse the trade-offs in detail, and justify your plan. First list requirements, then constraints, then finally the design. It must handle 10000 requests, avoid downtime, and cost at most 500 dollars.",
  ];
  for (const text of hard) {
    test(`of "${text.slice(0, 40)}…" is above it`, () => assert.ok(scoreOf(text) >= COMPLEXITY_THRESHOLD));
  }

  test("grows with what comes along, and stays within 0 and 1", () => {
    const text = "Explain this.";
    assert.ok(scoreOf(text, { chars: 50_000 }) > scoreOf(text));
    assert.ok(scoreOf(text, { turns: 12 }) > scoreOf(text));
    assert.ok(scoreOf(text, { features: ["chat", "tools", "structured_output"] }) > scoreOf(text));
    assert.ok(complexityOf({ text: undefined, chars: 9, turns: 1, features: [] }).score > 0);
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.nat(1e7), fc.nat(500), (given, chars, turns) => {
        const { score, parts } = complexityOf({ text: given, chars, turns, features: ["tools", "images"] });
        assert.ok(score >= 0 && score <= 1);
        for (const part of Object.values(parts)) assert.ok(part > 0);
      }),
      { seed: 2 },
    );
  });
});
