import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { GUARDED_CHARS_MAX, type GuardCheck, guard } from "../../../../../libs/shared/semantic/guard/guard.ts";

const REFUSED: readonly (readonly [GuardCheck, string, string])[] = [
  ["numbers", "How long do I bake 2 potatoes?", "How long do I bake three potatoes?"],
  ["numbers", "Is Ruby 3.1 supported?", "Is Ruby 3.10 supported?"],
  ["numbers", "What is 5% of 60?", "What is 5 of 60?"],
  ["numbers", "What is on floor 3?", "What is on floor -3?"],
  ["units", "Can I lift 40 kg?", "Can I lift 40 lb?"],
  ["units", "Is 10 m² enough?", "Is 10 m³ enough?"],
  ["dates", "Are you open on Monday?", "Are you open on Thursday?"],
  ["dates", "Wake me at 6 am", "Wake me at 6 pm"],
  ["dates", "What was decided last month?", "What was decided this month?"],
  ["negation", "Which seats are taken?", "Which seats are not taken?"],
  ["negation", "Is the water potable?", "Is the water non-potable?"],
  ["negation", "Can I board with my passport?", "Can I board without my passport?"],
  ["polarity", "How do I turn the lamp on?", "How do I turn the lamp off?"],
  ["polarity", "How do I mount a disk?", "How do I unmount a disk?"],
  ["polarity", "What is the longest tunnel?", "What is the shortest tunnel?"],
  ["names", "What is the weather in Oslo?", "What is the weather in Quito?"],
  ["names", "what is the weather in oslo?", "what is the weather in quito?"],
  ["names", "What does MAX_AGE do?", "What does MIN_AGE do?"],
  ["things", "How do I glaze a ham at home?", "How do I glaze a turnip at home?"],
  ["direction", "How do I drive from Ulm to Graz?", "How do I drive from Graz to Ulm?"],
  ["direction", "Does Nadia trust Viktor?", "Does Viktor trust Nadia?"],
  ["direction", "Who fired her?", "Who was fired by her?"],
  ["question", "When was the bridge closed?", "Why was the bridge closed?"],
  ["modality", "Can I park here?", "Must I park here?"],
  ["tense", "Who is the mayor?", "Who was the mayor?"],
  ["scope", "Do all guests need a badge?", "Do some guests need a badge?"],
  ["language", "Where is the kitchen?", "Wo ist die Küche?"],
  ["code", "What does `a | b` do?", "What does `a & b` do?"],
];

const LET_THROUGH: readonly (readonly [string, string])[] = [
  ["How do I turn on the lamp?", "How can I switch the lamp on?"],
  ["How do I enable the lamp?", "Can you tell me how to activate the lamp?"],
  ["I can't open the gate", "I cannot open the gate"],
  ["Which mushrooms are not safe?", "Which mushrooms are unsafe?"],
  ["What is 20% of 1,500?", "How much is 20 percent of 1500?"],
  ["Serve it to twenty five people", "Serve it to 25 people"],
  ["How far is 3 km?", "How far is 3 kilometres?"],
  ["Meet at 3 pm", "Meet at 15:00"],
  ["What is due on 4 March?", "What is due on March 4th?"],
  ["In Excel, how do I hide a row?", "How do I hide a row in Excel?"],
  ["Can noise cause stress?", "Can stress be caused by noise?"],
  ["Compare soup and stew", "Compare stew and soup"],
  ["What does ML mean?", "What does machine learning mean?"],
  ["Who wrote the letter?", "The letter was written by whom?"],
  ["What colour is it?", "What color is it?"],
  ["HOW DO I RESET IT?", "how do i reset it"],
];

describe("the guard against near-misses", () => {
  for (const [check, left, right] of REFUSED) {
    test(`refuses by ${check}: ${left} / ${right}`, () => {
      assert.equal(guard(left, right), check);
      assert.equal(guard(right, left), check);
    });
  }
  for (const [left, right] of LET_THROUGH) {
    test(`lets through: ${left} / ${right}`, () => assert.equal(guard(left, right), undefined));
  }

  test("two long texts that differ are refused", () => {
    const long = "a ".repeat(GUARDED_CHARS_MAX);
    assert.equal(guard(long, `${long}b`), "length");
    assert.equal(guard(long, long), undefined);
  });
});

const words = fc.constantFrom(
  ..."how do I not turn on off the 5 kg lb from A to B Paris is was all some only first last `x` `y` don't unsafe Alice owes Bob and or + - / $ 3 pm monday every two dozen \" ( ) , . ? what who".split(
    " ",
  ),
);
const texts = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.array(words, { maxLength: 25 }).map((parts) => parts.join(" ")),
  fc.array(words, { maxLength: 25 }).map((parts) => parts.join("")),
);

describe("of any texts the guard", () => {
  test("says the same for both orders", () => {
    fc.assert(fc.property(texts, texts, (left, right) => assert.equal(guard(left, right), guard(right, left))));
  });
  test("never refuses a text against itself, however it is spaced", () => {
    fc.assert(
      fc.property(texts, (text) => {
        assert.equal(guard(text, text), undefined);
        assert.equal(guard(text, `${text} `), undefined);
      }),
    );
  });
  test("answers hostile ones", () => {
    for (const unit of [
      "`",
      "'",
      "a'",
      "-1",
      "1-",
      "1,",
      "%",
      "$",
      "twenty ",
      "not ",
      "A to B ",
      "turn ",
      "İ",
      "ﷺ",
      "漢",
      "\u0000",
      "🙂",
    ]) {
      const text = unit.repeat(Math.floor(GUARDED_CHARS_MAX / unit.length) - 1);
      assert.equal(guard(text, ` ${text}`), undefined);
      guard(text, "how do I turn on the lamp?");
    }
  });
});
