/** Input files: what is a document, and what is wrong with it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DocumentEvent, formatOf, readDocuments } from "../../../../services/results/map-reduce/documents.ts";
import { InputRefused, shardLines } from "../../../../services/results/map-reduce/shards.ts";

async function* bytes(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(content);
  for (let at = 0; at < all.length; at += 5) yield all.subarray(at, at + 5);
}

async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of from) found.push(one);
  return found;
}

async function read(content: string | Uint8Array, format: "jsonl" | "text"): Promise<DocumentEvent[]> {
  return all(readDocuments(bytes(content), format));
}

async function shard(content: string, limits = { documents_max: 10, shards_max: 10 }) {
  const counts = { documents: 0, empty_documents: 0, shards: 0, duplicates: 0 };
  const lines = shardLines(readDocuments(bytes(content), "jsonl"), { shard_tokens: 4, limits }, counts);
  const shards = (await all(lines)).map((line) => JSON.parse(Buffer.from(line).toString()));
  return { counts, shards };
}

const codes = async (content: string, limits?: { documents_max: number; shards_max: number }): Promise<string[]> => {
  const error = await shard(content, limits).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof InputRefused);
  return error.problems.map(({ code, line }) => `${code} ${line ?? ""}`.trim());
};

describe("documents", () => {
  test("are the lines of JSONL: strings, or objects with an id of their own", async () => {
    const events = await read('"one"\n\n{"id": 7, "text": "two", "source": "x"}\r\n', "jsonl");
    assert.deepEqual(
      events.filter(({ kind }) => kind !== "ends"),
      [
        { kind: "begins", number: 1 },
        { kind: "text", text: "one" },
        { kind: "begins", number: 2, id: "7" },
        { kind: "text", text: "two" },
      ],
    );
  });

  test("a text is one, whatever it is cut into on the way", async () => {
    const events = await read("Zürich\n\nはい", "text");
    assert.equal(events.map((one) => (one.kind === "text" ? one.text : "")).join(""), "Zürich\n\nはい");
    assert.equal(events.filter(({ kind }) => kind === "begins").length, 1);
    const bad = await read(Uint8Array.of(0x61, 0xff, 0x61), "text");
    assert.ok(bad.some((one) => one.kind === "problem" && one.problem.code === "invalid_text"));
  });

  test("the file's name says what it is, else its beginning", () => {
    assert.deepEqual(
      [formatOf("a.jsonl", "x"), formatOf("a.txt", '"x"'), formatOf("a", ' {"text"'), formatOf("a", "Once")],
      ["jsonl", "text", "jsonl", "text"],
    );
  });

  test("never share a shard, and equal texts are told apart from others", async () => {
    const { shards, counts } = await shard('"a b"\n{"id":"x","text":"one two three four five"}\n""\n"a b"\n');
    assert.deepEqual(shards, [
      { name: "1.1", text: "a b" },
      { name: "2.1:x", text: "one two three" },
      { name: "2.2:x", text: "four five" },
      { name: "4.1", same_as: 0 },
    ]);
    assert.deepEqual(counts, { documents: 4, empty_documents: 1, shards: 4, duplicates: 1 });
  });

  test("each bad line is named; too many of anything are refused", async () => {
    assert.deepEqual(await codes('"a"\n{\n[]\n{"text": 1}\n{"id": "\\u0000", "text": ""}\n'), [
      "invalid_json_line 2",
      "invalid_document 3",
      "invalid_document 4",
      "invalid_document 5",
    ]);
    assert.deepEqual(await codes('"a"\n"b"\n', { documents_max: 1, shards_max: 9 }), ["too_many_documents"]);
    assert.deepEqual(await codes('"a"\n"b"\n', { documents_max: 9, shards_max: 1 }), ["too_many_shards"]);
    assert.deepEqual(await codes('""\n'), ["no_documents"]);
  });
});
