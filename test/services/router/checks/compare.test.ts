/** Whether two answers say the same. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { guard } from "../../../../libs/shared/semantic/guard/guard.ts";
import {
  compared,
  forAnswers,
  isEqual,
  PIECE_CHARS_MAX,
  piecesOf,
  similarityOf,
  wordSimilarity,
} from "../../../../services/router/checks/compare.ts";

describe("equal are", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["Paris.", "Paris.", true],
    ["  Paris\n", "paris", true],
    ["Ｐａｒｉｓ", "Paris", true],
    ['{"a": 1, "b": [2]}', '{"b":[2],"a":1}', true],
    ['```json\n{"a": 1}\n```', '{"a":1}', true],
    ['{"a": 1}', '{"a": 2}', false],
    ["[1, 2]", "[2, 1]", false],
    ["Paris", "London", false],
    ["7", "7.0", false],
  ];
  for (const [left, right, expected] of table) {
    test(`${JSON.stringify(left)} and ${JSON.stringify(right)}: ${expected}`, () => {
      assert.equal(isEqual(left, right), expected);
      assert.equal(isEqual(right, left), expected);
    });
  }
});

describe("a long text", () => {
  test("comes in pieces that hold all of it, none too long, and few", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8_000, unit: fc.constantFrom("a", "b ", ". ", "\n", "字", "。") }), (text) => {
        const pieces = piecesOf(text);
        const words = (from: string): string => from.replace(/\s+/g, "");
        assert.equal(words(pieces.join("")), words(text));
        assert.ok(pieces.every((piece) => piece.length <= PIECE_CHARS_MAX));
        assert.ok(pieces.length <= Math.ceil(text.length / (PIECE_CHARS_MAX / 2)) + 1);
      }),
    );
  });

  test("is cut where a line or a sentence ends", () => {
    const sentence = `${"word ".repeat(120).trim()}. `;
    assert.deepEqual(
      piecesOf(sentence.repeat(3)).map((piece) => piece.endsWith("word.")),
      [true, true, true],
    );
  });
});

const v = (...values: number[]) => Float32Array.from(values);

describe("the likeness of pieces", () => {
  test("is that of the texts, of one piece each", () => {
    assert.equal(similarityOf([v(1, 0)], [v(1, 0)]), 1);
    assert.equal(similarityOf([v(1, 0)], [v(0, 1)]), 0);
  });

  test("does not mind their order, and minds what only one of them has", () => {
    assert.equal(similarityOf([v(1, 0), v(0, 1)], [v(0, 1), v(1, 0)]), 1);
    assert.equal(similarityOf([v(1, 0)], [v(1, 0), v(0, 1)]), 0.5);
    assert.equal(similarityOf([], [v(1, 0)]), 0);
  });
});

describe("a comparison", () => {
  const refuses = (left: string, right: string) =>
    /\d/.exec(left)?.[0] === /\d/.exec(right)?.[0] ? undefined : "numbers";
  const long = "word ".repeat(300);

  test("is the same for equal texts, for near ones, and not for far ones", () => {
    assert.deepEqual(compared("a", "a", undefined, 0.8, refuses), { same: true, similarity: 1 });
    assert.deepEqual(compared("a", "b", 0.8, 0.8, refuses), { same: true, similarity: 0.8 });
    assert.deepEqual(compared("a", "b", 0.79, 0.8, refuses), { same: false, similarity: 0.79, differs_by: "meaning" });
  });

  test("says what is against it between short texts, and does not ask of long ones", () => {
    assert.deepEqual(compared("at 5", "at 6", 0.97, 0.8, refuses), {
      same: false,
      similarity: 0.97,
      differs_by: "numbers",
    });
    assert.equal(compared(`${long}5`, `${long}6`, 0.97, 0.8, refuses).same, true);
  });

  test("of what the guard minds in questions, minds what makes answers differ", () => {
    assert.equal(forAnswers(() => "numbers")("5", "6"), "numbers");
    assert.equal(forAnswers(() => "tense")("It was.", "It is."), undefined);
    assert.equal(forAnswers(guard)("The train leaves at 5 pm.", "The train leaves at 6 pm."), "dates");
    assert.equal(forAnswers(guard)("Yes, you can cancel it.", "No, you cannot cancel it.") === undefined, false);
    assert.equal(forAnswers(guard)("The capital is Paris.", "It is Paris, the capital of France."), undefined);
  });

  test("without embeddings goes by the words that both have", () => {
    assert.equal(wordSimilarity("The cat, the dog", "dog the CAT"), 1);
    assert.equal(wordSimilarity("cat", "dog"), 0);
    assert.equal(wordSimilarity("", ""), 0);
  });
});
