import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  batchOfInput,
  batchView,
  createdId,
  errorMessage,
} from "../../../../services/inference/batch-api/batch-object.ts";
import { customIdOf, inputFile, type LineAnswer, readAnswers } from "../../../../services/inference/batch-api/jsonl.ts";

const text = (answers: ReadonlyMap<string, LineAnswer>) =>
  [...answers].map(([id, answer]) => [
    id,
    answer.kind === "answered" ? `${answer.status} ${answer.body}` : answer.code,
  ]);

describe("the input file", () => {
  test("ids are short, without spaces, and differ by position even for the same request", () => {
    fc.assert(
      fc.property(fc.nat(49_999), fc.string(), (position, source) => {
        const id = customIdOf(position, source);
        assert.match(id, /^[\w-]{1,64}$/);
        assert.notEqual(id, customIdOf(position + 1, source));
        assert.equal(id, customIdOf(position, source));
      }),
    );
  });

  test("one line a request, whatever its body's layout, which reads back the same", () => {
    const layout = fc.constantFrom("", "\n", "\r\n");
    const body = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), layout);
    fc.assert(
      fc.property(fc.array(body, { maxLength: 8 }), (bodies) => {
        const given = bodies.map(([value, newline], at) => ({
          custom_id: customIdOf(at, "x"),
          path: "/embeddings",
          body: Buffer.from(JSON.stringify(value, null, newline === "" ? 0 : 2).replaceAll("\n", newline)),
        }));
        const lines = inputFile(given).toString().split("\n");
        assert.equal(lines.pop(), "");
        const read = lines.map((line) => JSON.parse(line));
        const expected = given.map(({ body, custom_id }) => ({
          custom_id,
          method: "POST",
          url: "/v1/embeddings",
          body: JSON.parse(body.toString()),
        }));
        assert.deepEqual(read, expected);
      }),
    );
  });
});

describe("output and error files", () => {
  const line = (custom_id: string, status_code: number, body: unknown) =>
    JSON.stringify({ id: "r", custom_id, response: { status_code, request_id: "q", body }, error: null });
  const unrun = (custom_id: string, code: string) =>
    JSON.stringify({ custom_id, response: null, error: { code, message: "no" } });
  const wanted = new Set(["a", "b", "c"]);

  for (const [what, file, expected] of [
    ["nothing", "", []],
    [
      "answers and refusals",
      `${line("a", 200, { x: 1 })}\n${line("b", 400, null)}\n`,
      [
        ["a", '200 {"x":1}'],
        ["b", "400 null"],
      ],
    ],
    ["blank lines, no newline at the end", `\n\r\n${line("a", 200, 1)}`, [["a", "200 1"]]],
    ["ids nobody asked for", `${line("z", 200, 1)}\n${line("c", 200, 2)}`, [["c", "200 2"]]],
    ["the first of two", `${line("a", 200, 1)}\n${line("a", 500, 2)}`, [["a", "200 1"]]],
    ["half a line, then a whole one", `{"custom_id":"a","resp\n${line("b", 200, 1)}`, [["b", "200 1"]]],
    ["what was not run", unrun("a", "batch_expired"), [["a", "batch_expired"]]],
    ["no answer at all", '{"custom_id":"a"}\n[]\n7\n{"custom_id":4,"response":{"status_code":200}}', []],
    ["a status that is none", '{"custom_id":"a","response":{"status_code":"200"},"error":null}', []],
  ] as const) {
    test(what, () => {
      const answers = new Map<string, LineAnswer>();
      readAnswers(Buffer.from(file), wanted, answers);
      assert.deepEqual(text(answers), expected);
    });
  }

  test("no bytes make it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const answers = new Map<string, LineAnswer>();
        readAnswers(Buffer.from(bytes), wanted, answers);
        assert.equal(answers.size, 0);
      }),
    );
  });
});

describe("what a provider says", () => {
  test("a batch, with what is missing or strange left out", () => {
    assert.deepEqual(batchView({ id: "b", status: "completed", output_file_id: "f", error_file_id: "../x" }), {
      kind: "found",
      status: "completed",
      request_counts: { total: 0, completed: 0, failed: 0 },
      errors: [],
      output_file_id: "f",
    });
    assert.equal(batchView({ id: "b", status: "resting" })?.status, "in_progress");
    const errors = { data: [{ message: "not JSON", line: 3 }, { message: "empty" }] };
    assert.deepEqual(batchView({ id: "b", status: "failed", errors })?.errors, ["line 3: not JSON", "empty"]);
    assert.equal(batchView("<html>"), undefined);
  });

  test("ids that could leave a path are none", () => {
    assert.equal(createdId({ id: "batch_1" }), "batch_1");
    for (const id of ["../files", "a b", "", 7]) assert.equal(createdId({ id }), undefined);
  });

  test("the batch of a file among others", () => {
    const batch = (id: string, input_file_id: string) => ({ id, status: "validating", input_file_id });
    assert.equal(batchOfInput({ data: [7, batch("a", "f1"), batch("b", "f2")] }, "f2"), "b");
    assert.equal(batchOfInput({ data: [batch("a", "f1")] }, "f2"), undefined);
    assert.equal(batchOfInput(null, "f2"), undefined);
    assert.equal(errorMessage({ error: { message: "no" } }), "no");
  });
});
