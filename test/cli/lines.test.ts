import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { buildRequest } from "../../cli/requests/build.ts";
import { type Line, readLines } from "../../cli/requests/lines.ts";

async function* chunks(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

async function read(parts: readonly (string | Buffer)[], line_bytes_max = 100): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(chunks(parts.map((part) => Buffer.from(part))), line_bytes_max)) lines.push(line);
  return lines;
}

test("lines are numbered as in an editor; blank ones are passed over", async () => {
  assert.deepEqual(await read(["\uFEFFa\r\n\n  \nb", "c\nd"]), [
    { number: 1, text: "a" },
    { number: 4, text: "bc" },
    { number: 5, text: "d" },
  ]);
  assert.deepEqual(await read([]), []);
});

test("a line over the limit is told of, and the next is read", async () => {
  assert.deepEqual(await read(["x".repeat(60), "x".repeat(60), "\nok\n"]), [
    { number: 1, problem: "holds 120 bytes; the limit is 100" },
    { number: 2, text: "ok" },
  ]);
});

test("where the chunks are cut makes no difference, also within a character", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.array(fc.nat(40), { maxLength: 5 }), async (text, cuts) => {
      const bytes = Buffer.from(text.replaceAll("\uFEFF", ""));
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const parts = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      assert.deepEqual(await read(parts, 10_000), await read([bytes], 10_000));
    }),
  );
});

test("the sample file holds 200 good requests without ids, with repeats, tiers, lanes, sessions and embeddings", () => {
  const text = readFileSync(new URL("../../examples/requests.jsonl", import.meta.url), "utf8");
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, 200);
  const requests = lines.map((line) => {
    assert.ok(!("id" in JSON.parse(line)));
    const built = buildRequest(line, { tenant: "other" }, () => "x");
    assert.ok(built.ok, built.ok ? "" : `${built.reason}: ${line}`);
    return built.request;
  });
  assert.ok(requests.every(({ tenant, metadata }) => tenant === "demo" && metadata?.["kind"]));
  assert.ok(new Set(requests.map(({ body }) => JSON.stringify(body))).size <= 190);
  assert.ok(requests.some(({ tier }) => tier === "large"));
  assert.ok(requests.some(({ lane }) => lane === "batch"));
  assert.ok(requests.some(({ body }) => "input" in body));
  assert.ok(requests.filter(({ session }) => session !== undefined).length >= 10);
});
