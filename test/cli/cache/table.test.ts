/** The cache for people. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { entriesTable, entryLines, formatAge } from "../../../cli/cache/table.ts";
import { CacheView } from "../../../libs/shared/cache/cache-view.ts";
import { putOf } from "../../libs/shared/cache/entries.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;
const response = { choices: [{ message: { content: "Use the link." } }] };

function entry(own: Parameters<typeof putOf>[0]) {
  const view = new CacheView();
  view.apply(putOf({ created_ms: NOW_MS - 3 * DAY_MS, expires_ms: NOW_MS + DAY_MS, ...own }), 2_048);
  const [only] = view.entries();
  assert.ok(only);
  return only;
}

test("entries are one line each, the question shortened to the width", () => {
  const long = entry({ entry_id: "0123456789abcdef", text: "why ".repeat(100), label: "faq" });
  const [head, line] = entriesTable([long], NOW_MS, 100).split("\n");
  assert.match(head ?? "", /^id +tenant +kind +tier +age +expires +size +saves +question$/);
  assert.match(
    line ?? "",
    /^0123456789ab {2}demo +semantic +small +3 d +24 h +2\.0 KiB +\$0\.001000 {2}\[faq\] why .*…$/,
  );
  assert.ok((line ?? "").length <= 100);
});

test("an entry says where it comes from and what it answers", () => {
  const text = entryLines(entry({}), response, NOW_MS).join("\n");
  for (const expected of [
    /^from request: r1$/m,
    /^tier and model: small, gpt$/m,
    /^made: .* 3 d ago$/m,
    /^expires: .* in 24 h$/m,
    /^found by: equal requests, and by meaning \(model-a\)$/m,
    /^answer: Use the link\.$/m,
  ]) {
    assert.match(text, expected);
  }
});

test("a warmed entry, an expired one and an answer without text are told as such", () => {
  const text = entryLines(entry({ request_id: "warmed", expires_ms: NOW_MS }), { data: [] }, NOW_MS).join("\n");
  assert.match(text, /^from request: none: written by/m);
  assert.match(text, /^expires: .* over$/m);
  assert.match(text, /^answer: \{"data":\[\]\}$/m);
});

test("ages are told in one unit", () => {
  assert.deepEqual([-5, 5_000, 600_000, 7_200_000, 5 * DAY_MS].map(formatAge), [
    "0 ms",
    "5.00 s",
    "10 min",
    "2 h",
    "5 d",
  ]);
});
