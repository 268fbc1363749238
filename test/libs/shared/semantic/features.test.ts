import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FEATURES, featuresOf, readQuestion } from "../../../../libs/shared/semantic/features.ts";
import { align } from "../../../../libs/shared/semantic/overlap.ts";
import { countRarity, rarityOf } from "../../../../libs/shared/semantic/rarity.ts";
import { stemOf, wordsOf } from "../../../../libs/shared/semantic/words.ts";

const word = fc.constantFrom(
  ..."how do i reset my Wi-Fi password in 2024 without losing the London account's data? don't can't C++ why İstanbul 東京 é".split(
    " ",
  ),
);
const text = fc.oneof(
  fc.array(word, { maxLength: 14 }).map((words) => words.join(" ")),
  fc.string({ unit: "binary" }),
);
const vector = fc.int8Array({ minLength: 64, maxLength: 64 });
const question = fc.record({ text, vector }).map(readQuestion);
const rarity = rarityOf(countRarity([new Set(["a", "b"]), new Set(["a"])]));

describe("features of a pair", () => {
  test("are symmetric, finite, and as many as their names", () => {
    fc.assert(
      fc.property(question, question, (left, right) => {
        const row = featuresOf(left, right, undefined, rarity);
        assert.equal(row.length, FEATURES.length);
        assert.ok(row.every(Number.isFinite));
        row.forEach((value, at) => {
          const other = featuresOf(right, left, undefined, rarity)[at] as number;
          assert.ok(Math.abs(value - other) < 1e-9, `${FEATURES[at]}: ${value} and ${other}`);
        });
      }),
    );
  });

  test("have names of their own", () => {
    assert.equal(new Set(FEATURES).size, FEATURES.length);
  });
});

describe("words", () => {
  test("contractions are spelled out, and endings meet", () => {
    assert.equal(
      wordsOf("What's the fee? I can't pay, don't they know?").text,
      "what is the fee i can not pay do not they know",
    );
    for (const form of ["charges", "charged", "charging", "charge"]) assert.equal(stemOf(form), "charg");
    assert.equal(stemOf("companies"), stemOf("company"));
  });

  test("names, numbers, denials and the kind of a question are found", () => {
    const { names, numbers, negations, kind } = wordsOf("How many EU flights never land in Paris before 2024?");
    assert.deepEqual([...names].sort(), ["eu", "paris"]);
    assert.deepEqual([...numbers], ["2024"]);
    assert.equal(negations, 1);
    assert.equal(kind, wordsOf("How much is it?").kind);
    assert.notEqual(kind, wordsOf("How is it?").kind);
  });

  test("a text of any length takes bounded work", () => {
    assert.ok(wordsOf("word ".repeat(100_000)).words.length <= 500);
  });
});

describe("alignment", () => {
  test("counts what is in the same order, in one run, and the edits", () => {
    const [left, right] = ["a b c d e".split(" "), "a x c d".split(" ")];
    assert.deepEqual(align(left, right), { sequence: 3, run: 2, edits: 2 });
    assert.deepEqual(align([], right), { sequence: 0, run: 0, edits: 4 });
  });
});

describe("rarity", () => {
  test("falls with the texts that hold a word, from 1 to 0", () => {
    const texts = Array.from({ length: 100 }, (_, at) => new Set(["all", ...(at < 10 ? ["some"] : []), `only${at}`]));
    const rare = rarityOf(countRarity(texts));
    assert.ok(rare("all") < 0.01);
    assert.ok(rare("all") < rare("some") && rare("some") < rare("only5") && rare("only5") < rare("unseen"));
    assert.equal(rare("unseen"), 1);
  });
});
