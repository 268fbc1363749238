/** Lines of batches: whatever they hold, they are good or have a problem; and reads of many at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { jobRequestId } from "../../../../libs/shared/jobs/job.ts";
import { readSpan, spansOf } from "../../../../services/results/batches/asking.ts";
import { checkLine } from "../../../../services/results/batches/lines.ts";
import { MemoryFiles } from "../../../support/memory-files.ts";
import { line, linesOf } from "./batches-fixture.ts";

const CHAT = "/v1/chat/completions";
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe("a line of a batch", () => {
  test("keeps its body as it is, and says whose it is", () => {
    const body = { messages: [{ role: "user", content: "hi", extra: [1] }], user: "ann", tools: [], stream: false };
    const checked = checkLine(bytes(line("a", { body })), CHAT);
    assert.deepEqual(checked, { ok: true, custom_id: "a", asked: { body, user: "ann" } });
    const embed = { input: ["a", "b"], model: "e" };
    const url = "/v1/embeddings";
    assert.deepEqual(checkLine(bytes(line("b", { body: embed, url })), url), {
      ok: true,
      custom_id: "b",
      asked: { body: embed },
    });
  });

  test("that is hostile is refused", () => {
    const deep = `{"custom_id":"a","method":"POST","url":"${CHAT}","body":${"[".repeat(5_000)}${"]".repeat(5_000)}}`;
    const polluting = line("a").replace('"model"', '"__proto__":{"x":1},"model"');
    for (const text of [deep, polluting, "null", "1", '"a"', "\ufeff{}", "{}{}", ""]) {
      assert.equal(checkLine(bytes(text), CHAT).ok, false, text.slice(0, 60));
    }
    const latin = Buffer.concat([bytes('{"custom_id":"'), Buffer.from([0xff]), bytes('"}')]);
    assert.equal(checkLine(latin, CHAT).ok, false);
    const half = line("a").replace('"a"', '"\\ud800"');
    const found = checkLine(bytes(half), CHAT);
    assert.equal(found.ok === false && found.problem.code, "invalid_custom_id");
  });

  test("never throws, whatever it holds", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), (content) => {
        const checked = checkLine(content, CHAT);
        assert.ok(checked.ok || checked.problem.message.length > 0);
      }),
    );
    const some = fc.oneof(fc.constant(undefined), fc.jsonValue());
    fc.assert(
      fc.property(some, some, some, (custom_id, body, messages) => {
        const more = { custom_id, body: messages === undefined ? body : { messages } };
        const checked = checkLine(bytes(line("a", more)), CHAT);
        assert.ok(checked.ok || checked.problem.message.length > 0);
      }),
    );
  });
});

describe("spans of lines", () => {
  test("hold every item once, in order, near each other and bounded", () => {
    const gaps = fc.array(fc.tuple(fc.nat(200_000), fc.integer({ min: 1, max: 5_000_000 })), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, (steps) => {
        let at = 0;
        const items = steps.map(([gap, length]) => {
          const item = { at: at + gap, bytes: length };
          at = item.at + length;
          return item;
        });
        const spans = spansOf(items);
        assert.deepEqual(spans.flat(), items);
        for (const span of spans) {
          const [first, last] = [span[0], span.at(-1)] as [(typeof items)[0], (typeof items)[0]];
          assert.ok(span.length === 1 || last.at + last.bytes - first.at <= 4 * 1024 * 1024);
        }
      }),
    );
  });

  test("are read back as the lines they are", async () => {
    const files = new MemoryFiles();
    const file = await files.put("demo", linesOf(5));
    const length = line("c0").length;
    const items = [1, 3, 4].map((item) => ({
      ...{ wave: 0, item, request_id: jobRequestId("b", 0, item), at: item * (length + 1), bytes: length, tries: 1 },
    }));
    const asked = await readSpan(files, file, CHAT, items);
    assert.deepEqual(
      asked.map(({ asked: { body } }) => (body as { messages: { content: string }[] }).messages[0]?.content),
      ["c1", "c3", "c4"],
    );
    await assert.rejects(readSpan(files, file, CHAT, [{ ...(items[0] as (typeof items)[0]), at: 3 }]));
  });
});
