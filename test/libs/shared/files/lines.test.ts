/** Lines of JSONL, however the bytes come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Line, type LinePlace, readLines } from "../../../../libs/shared/files/lines.ts";

async function* inPieces(content: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < content.length; index++) {
    const size = sizes[index % sizes.length] ?? content.length;
    yield content.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(text: string | Buffer, line_bytes_max = 1_000, sizes = [3], from?: LinePlace): Promise<Line[]> {
  const content = Buffer.from(text as string).subarray(from?.at ?? 0);
  const lines: Line[] = [];
  const options = { line_bytes_max, ...(from === undefined ? {} : { from }) };
  for await (const line of readLines(inPieces(content, sizes), options)) lines.push(line);
  return lines;
}

const seen = (lines: readonly Line[]) =>
  lines.map(({ number, at, bytes }) => [number, at, Buffer.from(bytes).toString()]);

test("numbers and places lines; blank ones count and are passed over", async () => {
  assert.deepEqual(seen(await linesOf('{"a":1}\n\n \t\r\n{"b":"zwölf"}\r\n{"c":3}')), [
    [1, 0, '{"a":1}'],
    [4, 13, '{"b":"zwölf"}'],
    [5, 29, '{"c":3}'],
  ]);
  assert.deepEqual(await linesOf(""), []);
  assert.deepEqual(await linesOf("\n\r\n\n"), []);
});

test("a byte order mark is no part of the first line, and is one anywhere else", async () => {
  assert.deepEqual(seen(await linesOf("\ufeff{}\n\ufeff{}\n")), [
    [1, 3, "{}"],
    [2, 6, "\ufeff{}"],
  ]);
  assert.deepEqual(await linesOf("\ufeff\r\n"), []);
});

test("of a line that is too long nothing is kept, and the next ones are read", async () => {
  const lines = await linesOf(`1234\r\n12345\n${"x".repeat(5_000)}\n1\n`, 4);
  assert.deepEqual(
    lines.map(({ number, at, bytes, too_long }) => [number, at, bytes.length, too_long]),
    [
      [1, 0, 4, false],
      [2, 6, 0, true],
      [3, 12, 0, true],
      [4, 5_013, 1, false],
    ],
  );
  const marked = await linesOf("\ufeff1234\r\n", 4);
  assert.equal(marked[0]?.too_long, false);
});

test("any content, in any pieces, from any line on: the lines are the same, and lie where they say", async () => {
  const piece = fc.constantFrom("{}", "ö€😀", "\n", "\r\n", "\r", " ", "\n\n", "abcdefghij", "\ufeff");
  const content = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join("")));
  const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(content, sizes, fc.integer({ min: 1, max: 30 }), async (bytes, pieces, line_bytes_max) => {
      const lines = await linesOf(bytes, line_bytes_max, pieces);
      const texts = bytes.toString("latin1").split("\n");
      for (const [index, line] of lines.entries()) {
        const before = texts.slice(0, line.number - 1).join("\n").length + (line.number > 1 ? 1 : 0);
        assert.ok(line.at === before || (line.number === 1 && line.at === 3));
        assert.ok(line.bytes.length <= line_bytes_max);
        if (!line.too_long) {
          assert.deepEqual(Buffer.from(line.bytes), bytes.subarray(line.at, line.at + line.bytes.length));
        }
        // A file that begins with a mark has it at its first byte alone.
        const rest = await linesOf(bytes, line_bytes_max, [7], line.next);
        assert.deepEqual(seen(rest), seen(lines.slice(index + 1)));
      }
      const blank = (text: string) => /^[ \t\r]*$/.test(text.replace(/\r$/, ""));
      const marked = texts.map((text, index) => (index === 0 ? text.replace(/^\u00ef\u00bb\u00bf/, "") : text));
      const wanted = marked.flatMap((text, index) => (blank(text) ? [] : [index + 1]));
      const numbers = lines.filter((line) => !(line.too_long && blank(marked[line.number - 1] ?? "")));
      assert.deepEqual(
        numbers.map(({ number }) => number),
        wanted,
      );
    }),
  );
});
