import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCsv } from "../../../cli/reconcile/csv.ts";

const cases: readonly [string, string, (readonly string[])[]][] = [
  [
    "plain fields",
    "a,b\n1,2\n",
    [
      ["a", "b"],
      ["1", "2"],
    ],
  ],
  ["no line end at the end", "a,b", [["a", "b"]]],
  ["an empty last field", "a,\n", [["a", ""]]],
  [
    "a quoted comma, quote and line break",
    '"a,b","c""d","e\nf"\r\ng,h,i',
    [
      ["a,b", 'c"d', "e\nf"],
      ["g", "h", "i"],
    ],
  ],
  ["blank lines and a byte order mark", "\uFEFFa\n\n\nb\n", [["a"], ["b"]]],
  ["spaces around", " a , b \n", [["a", "b"]]],
  ["nothing", "", []],
];
for (const [name, text, rows] of cases) {
  test(name, () => {
    assert.deepEqual(
      parseCsv(text).map(({ fields }) => fields),
      rows,
    );
  });
}

test("a row knows the line where it begins", () => {
  assert.deepEqual(
    parseCsv('a\n"b\nc"\n\nd').map(({ line }) => line),
    [1, 2, 5],
  );
});

for (const text of ['a,"b', 'a,b"c', '"a"b,c']) {
  test(`refused with its line: ${text}`, () => {
    assert.throws(() => parseCsv(`x\n${text}`), /line 2: a quote/);
  });
}

test("what is written with quotes is read back", () => {
  const field = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "é") });
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 }), (rows) => {
      const text = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",")).join("\n");
      assert.deepEqual(
        parseCsv(text).map(({ fields }) => fields),
        rows,
      );
    }),
    { seed: 5 },
  );
});
