/** Embeddings calls made as one: who may share, what is sent, and that each is given its own vectors. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type EmbeddingsCall, mergeCalls, readCall } from "../../../../services/inference/batching/embeddings.ts";
import { splitAnswer } from "../../../../services/inference/batching/split-answer.ts";

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function call(body: unknown): EmbeddingsCall {
  const read = readCall(json(body));
  assert.ok(read !== undefined);
  return read;
}

const bodyOf = (buffer: Buffer): Record<string, unknown> => JSON.parse(buffer.toString());

describe("what may share a call", () => {
  const base = { model: "m", input: "a", dimensions: 8, user: "u" };
  const rows: readonly (readonly [what: string, body: object, equal: boolean])[] = [
    ["other texts", { ...base, input: ["b", "c"] }, true],
    ["another order of fields", { user: "u", dimensions: 8, input: "a", model: "m" }, true],
    ["another model", { ...base, model: "n" }, false],
    ["other dimensions", { ...base, dimensions: 9 }, false],
    ["another user", { ...base, user: "v" }, false],
    ["another format", { ...base, encoding_format: "base64" }, false],
    ["a field we do not know", { ...base, input_type: "query" }, false],
    ["tokens", { ...base, input: [1, 2] }, false],
  ];
  for (const [what, body, equal] of rows) test(what, () => assert.equal(call(body).key === call(base).key, equal));

  test("one list of tokens with several", () => {
    assert.equal(call({ input: [1, 2] }).key, call({ input: [[3], [4, 5]] }).key);
  });

  test("nothing that the provider will refuse, or that is not understood", () => {
    for (const input of [undefined, null, 3, {}, [], [[]], ["a", 1], ["a", ["b"]], [1, [2]], [1.5], [null]]) {
      assert.equal(readCall(json({ model: "m", input })), undefined, JSON.stringify(input));
    }
    for (const body of ["", "{", "[]", "null", "3"]) assert.equal(readCall(Buffer.from(body)), undefined, body);
  });

  test("a call's size and tokens", () => {
    const { size, tokens } = call({ input: ["é", "abc"] });
    assert.deepEqual([size, tokens], [5, 2]);
    const { size: numbers, tokens: exact } = call({ input: [[1, 2], [3]] });
    assert.deepEqual([numbers, exact], [3, 3]);
  });
});

describe("a merged call", () => {
  test("has all inputs in order and every other field", () => {
    const merged = mergeCalls([
      call({ model: "m", input: "a", x: {} }),
      call({ model: "m", input: ["b", "c"], x: {} }),
    ]);
    assert.deepEqual(bodyOf(merged), { model: "m", x: {}, input: ["a", "b", "c"] });
    const tokens = mergeCalls([call({ input: [1, 2] }), call({ input: [[3], [4]] })]);
    assert.deepEqual(bodyOf(tokens), { input: [[1, 2], [3], [4]] });
  });

  test("of one is that one's own body, and its answer the provider's", () => {
    const body = Buffer.from('{ "model": "m", "input": "a" }');
    const read = readCall(body);
    assert.ok(read !== undefined);
    assert.equal(mergeCalls([read]), body);
    const answer = Buffer.from("whatever");
    assert.deepEqual(splitAnswer(answer, [read]), { kind: "split", answers: [answer] });
  });

  test("is not made of calls that do not fit", () => {
    assert.throws(() => mergeCalls([call({ input: "a" }), call({ input: "b", user: "u" })]), /different keys/);
    assert.throws(() => mergeCalls([]), /no calls/);
  });
});

const text = fc.string({ unit: "binary", maxLength: 12 });
const tokens = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 5 });
const inputsOf = (one: fc.Arbitrary<unknown>) => fc.oneof(one, fc.array(one, { minLength: 1, maxLength: 4 }));
const inputs = fc.oneof(
  fc.array(inputsOf(text), { minLength: 2, maxLength: 8 }),
  fc.array(inputsOf(tokens), { minLength: 2, maxLength: 8 }),
);

/** A vector that says which input it is of: numbers, or text as base64 would be. */
const vectorOf = (input: unknown, base64: boolean): unknown =>
  base64
    ? Buffer.from(JSON.stringify(input)).toString("base64")
    : [...Buffer.from(JSON.stringify(input))].map((n) => n / 3);

type Sum = { prompt_tokens: number; total_tokens: number };

describe("there and back", () => {
  test("each member has its own vectors in its own order, and the usage sums to the provider's", () => {
    const property = fc.property(
      inputs,
      fc.boolean(),
      fc.nat(10_000),
      fc.constantFrom(0, 2),
      fc.infiniteStream(fc.nat()),
      (each, base64, prompt_tokens, indent, chance) => {
        const calls = each.map((input) => call({ model: "m", input }));
        const data = (bodyOf(mergeCalls(calls))["input"] as unknown[])
          .map((input, index) => ({ object: "embedding", index, embedding: vectorOf(input, base64), note: "]}" }))
          .map((item) => ({ item, order: chance.next().value }))
          .sort((one, other) => one.order - other.order)
          .map(({ item }) => item);
        const usage = { prompt_tokens, total_tokens: prompt_tokens + 1 };
        const answer = { object: "list", data, model: "m-1", usage, "é\n": [1, { a: "\\u00e9" }] };
        const split = splitAnswer(Buffer.from(JSON.stringify(answer, null, indent)), calls);
        assert.ok(split.kind === "split");
        const usages: Sum[] = [];
        for (const [at, part] of split.answers.entries()) {
          const { data: own, usage: share, ...others } = bodyOf(part);
          const mine = (calls[at]?.inputs ?? []).map((input) => JSON.parse(input) as unknown);
          assert.deepEqual(
            own,
            mine.map((input, index) => ({
              object: "embedding",
              index,
              embedding: vectorOf(input, base64),
              note: "]}",
            })),
          );
          assert.deepEqual(others, { object: "list", model: "m-1", "é\n": [1, { a: "\\u00e9" }] });
          usages.push(share as Sum);
        }
        const total = (of: keyof Sum): number => usages.reduce((sum, one) => sum + one[of], 0);
        assert.deepEqual({ prompt_tokens: total("prompt_tokens"), total_tokens: total("total_tokens") }, usage);
      },
    );
    fc.assert(property);
  });

  test("numbers are copied as they are spelled", () => {
    const answer =
      '{"data":[{"index":1,"embedding":[1.0,-0.10e-7]},{"embedding":[12345678901234567890,0],"index":0}],"usage":null}';
    const split = splitAnswer(Buffer.from(answer), [call({ input: "a" }), call({ input: "b" })]);
    assert.ok(split.kind === "split");
    assert.deepEqual(split.answers.map(String), [
      '{"data":[{"embedding":[12345678901234567890,0],"index":0}],"usage":null}',
      '{"data":[{"index":0,"embedding":[1.0,-0.10e-7]}],"usage":null}',
    ]);
  });
});

describe("an answer that cannot be told apart", () => {
  const item = (index: number): object => ({ index, embedding: [index] });
  const two = { data: [item(0), item(1)], usage: { prompt_tokens: 3 } };
  const shares = [call({ input: "a" }), call({ input: "b" })];
  const rows: readonly (readonly [what: string, answer: unknown, message: RegExp])[] = [
    ["too few vectors", { data: [item(0)] }, /has 1 vectors for 2 inputs/],
    ["too many", { data: [item(0), item(1), item(2)] }, /has 3 vectors/],
    ["one twice", { data: [item(1), item(1)] }, /two vectors of index 1/],
    ["one beyond", { data: [item(0), item(2)] }, /index 2 for 2 inputs/],
    ["no index", { data: [item(0), { embedding: [1] }] }, /without an index/],
    ["a broken index", { data: [item(0), { index: "1", embedding: [1] }] }, /not a whole number/],
    ["a fraction for an index", { data: [item(0), { index: 0.5, embedding: [1] }] }, /not a whole number/],
    ["no vector", { data: [item(0), { index: 1 }] }, /without an embedding/],
    ["an empty vector", { data: [item(0), { index: 1, embedding: [] }] }, /empty/],
    ["null for a vector", { data: [item(0), { index: 1, embedding: null }] }, /empty/],
    ["something else", { data: [item(0), 7] }, /not an object/],
    ["no data", { object: "list" }, /no "data"/],
    ["data that is no list", { data: {} }, /has 0 vectors/],
  ];
  for (const [what, answer, message] of rows) {
    test(what, () => {
      const split = splitAnswer(json(answer), shares);
      assert.ok(split.kind === "mismatch");
      assert.match(split.message, message);
    });
  }

  const texts: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ["data twice", '{"data":[],"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1]}]}', /more than one/],
    ["an index twice", '{"data":[{"index":0,"index":1,"embedding":[1]},{"index":0,"embedding":[1]}]}', /with two/],
    ["an index twice, once escaped", '{"data":[{"index":0,"inde\\u0078":1,"embedding":[1]},{}]}', /with two/],
    ["not JSON", '{"data":[{"index":0,"embedding":[1 2]}]}', /not JSON/],
    ["cut short", JSON.stringify(two).slice(0, -1), /not JSON: it ends too early/],
    ["more than one value", `${JSON.stringify(two)}{}`, /something follows/],
    ["nothing", "", /not JSON/],
    ["a nest without an end", `{"data":${"[".repeat(100_000)}`, /levels/],
  ];
  for (const [what, body, message] of texts) {
    test(what, () => {
      const split = splitAnswer(Buffer.from(body), shares);
      assert.ok(split.kind === "mismatch");
      assert.match(split.message, message);
    });
  }

  test("bytes that are not UTF-8", () => {
    const split = splitAnswer(Buffer.concat([json(two), Buffer.of(0xff)]), shares);
    assert.deepEqual(split, { kind: "mismatch", message: "the model's answer to a batch is not UTF-8" });
  });
});
