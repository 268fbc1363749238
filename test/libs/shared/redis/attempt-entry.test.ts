/** Entries as text: read as they were written, whatever an answer holds; what nobody wrote is nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  attemptKey,
  decodeEntry,
  type Entry,
  encodeEntry,
  headLineOf,
  headOf,
  instanceOf,
} from "../../../../libs/shared/redis/attempt-entry.ts";

const ENDING = { status: "succeeded", timing: { received: 1 } } as const;
const RUN = { run: "inference-1.7", calls: 3, unknown: 1 };

const ROUTE = { tier: "small", model: "m1", reason: "", cache: "miss", attempts: 1 } as const;
const ONWARD = {
  hop: 1,
  route: ROUTE,
  first: { tier: "small", cost_usd: 1 },
  draft: { tier: "small", model: "m1", route: ROUTE },
};

const rows: readonly (readonly [what: string, entry: Entry, head: string])[] = [
  ["nothing", { state: "none" }, ""],
  ["a reservation", { state: "reserved", ...RUN, until_ms: 9 }, "R inference-1.7 3 1 9"],
  ["a call", { state: "dispatched", ...RUN, until_ms: 9 }, "D inference-1.7 3 1 9"],
  [
    "a call in a batch",
    { state: "dispatched", ...RUN, until_ms: 9, batch: { batch_id: "b_1", custom_id: "c" } },
    "D inference-1.7 3 1 9 b_1 c",
  ],
  [
    "an answer",
    { state: "answered", ...RUN, answer: { ending: ENDING, response: Buffer.from('{"a":\n\n1}\n') } },
    "A inference-1.7 3 1",
  ],
  [
    "an answer without a response",
    { state: "answered", ...RUN, answer: { ending: ENDING, response: undefined } },
    "A inference-1.7 3 1",
  ],
  [
    "an answer that goes to the next hop",
    {
      state: "answered",
      ...RUN,
      answer: { ending: ENDING, response: Buffer.from("{}"), onward: ONWARD },
    },
    "A inference-1.7 3 1",
  ],
  ["published", { state: "published" }, "P"],
  ["passed on", { state: "passed_on", calls: 4, unknown: 1 }, "N 4 1"],
  ["left", { state: "left", round: 2, calls: 4, unknown: 1 }, "L 2 4 1"],
];

describe("an entry's key", () => {
  test("is another one for each hop, and for other content", () => {
    const job = { tenant: "t", id: "r", content_hash: "0123456789abcdef0" };
    const keys = [job, { ...job, hop: 0 }, { ...job, hop: 1 }, { ...job, content_hash: "f" }].map(attemptKey);
    assert.equal(new Set(keys).size, 3);
    assert.equal(keys[0], keys[1]);
  });
});

describe("an entry", () => {
  for (const [what, entry, head] of rows) {
    test(`${what}: read as written, one line for swaps`, () => {
      const text = encodeEntry(entry).toString();
      assert.deepEqual(decodeEntry(text), entry);
      assert.deepEqual([headOf(entry), headLineOf(text)], [head, head]);
    });
  }

  for (const text of [
    "x",
    "R",
    "R a.1",
    "D a.1 1 0",
    "R a.1 1 0 9 more",
    "L",
    "A a.1 1 0",
    "A a.1 1 0\n{broken",
    "P 1",
  ]) {
    test(`${JSON.stringify(text)} counts as nothing`, () => assert.deepEqual(decodeEntry(text), { state: "none" }));
  }

  test("any text is read without a throw, as itself or as nothing", () => {
    const line = fc
      .constantFrom("R ", "D ", "A ", "P", "L ", "")
      .chain((state) => fc.string().map((end) => state + end));
    fc.assert(
      fc.property(line, (text) => {
        const entry = decodeEntry(text);
        assert.ok(entry.state === "none" || headOf(entry) === headLineOf(text));
      }),
    );
  });

  test("any response is given back byte for byte", () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), fc.string(), (json, message) => {
        const ending = { status: "failed", timing: {}, error: { code: "c", type: "t", message } } as const;
        const entry: Entry = { state: "answered", ...RUN, answer: { ending, response: Buffer.from(json) } };
        assert.deepEqual(decodeEntry(encodeEntry(entry).toString()), entry);
      }),
    );
  });

  test("names the process of its run", () => {
    assert.equal(instanceOf("inference-1.host.12"), "inference-1.host");
  });
});
