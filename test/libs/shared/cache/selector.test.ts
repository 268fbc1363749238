/** Which entries a selector means. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { patternProblem, type Selectable, selectorMatch } from "../../../../libs/shared/cache/selector.ts";
import type { CacheSelector } from "../../../../libs/shared/events/control.ts";

const entry: Selectable = {
  entry_id: "e1",
  tenant: "acme",
  created_ms: 1_000,
  label: "docs",
  text: "How do I reset my password?",
};

const cases: readonly (readonly [string, CacheSelector, number, boolean])[] = [
  ["all", {}, 1_000, true],
  ["nothing that was made after it was said", {}, 999, false],
  ["its id", { entry_id: "e1" }, 2_000, true],
  ["another id", { entry_id: "e2" }, 2_000, false],
  ["its tenant", { tenant: "acme" }, 2_000, true],
  ["another tenant", { tenant: "acm" }, 2_000, false],
  ["its namespace", { namespace: "docs" }, 2_000, true],
  ["another namespace", { namespace: "doc" }, 2_000, false],
  ["a pattern anywhere in the question", { pattern: "(?i)PASSWORD" }, 2_000, true],
  ["a pattern that is not in it", { pattern: "^password" }, 2_000, false],
  ["a pattern that cannot be read", { pattern: "(" }, 2_000, false],
  ["what is older", { before_ms: 1_001 }, 2_000, true],
  ["what is not older", { before_ms: 1_000 }, 2_000, false],
  ["all that is given", { tenant: "acme", pattern: "reset", before_ms: 1_500 }, 2_000, true],
  ["one thing of it that does not hold", { tenant: "acme", pattern: "reset", namespace: "faq" }, 2_000, false],
];
for (const [name, selector, at_ms, meant] of cases) {
  test(`${meant ? "meant" : "not meant"}: ${name}`, () => assert.equal(selectorMatch(selector, at_ms)(entry), meant));
}

test("an entry without namespace or question is not meant by either", () => {
  const { label: _label, text: _text, ...bare } = entry;
  assert.equal(selectorMatch({ namespace: "docs" }, 2_000)(bare), false);
  assert.equal(selectorMatch({ pattern: "" }, 2_000)(bare), false);
  assert.equal(selectorMatch({ tenant: "acme" }, 2_000)(bare), true);
});

test("a pattern that takes exponential time elsewhere is answered", () => {
  const long = { ...entry, text: "a".repeat(2_000) };
  assert.equal(selectorMatch({ pattern: "^(a+)+$" }, 2_000)({ ...long, text: `${long.text}!` }), false);
});

test("a bad pattern is told of", () => {
  assert.equal(patternProblem("refund|return"), undefined);
  assert.match(patternProblem("(") ?? "", /missing/);
});
