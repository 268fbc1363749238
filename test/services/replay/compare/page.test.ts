/** The page of a comparison stands alone, whatever answers hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { differenceOf } from "../../../../services/replay/compare/difference.ts";
import { comparisonPage } from "../../../../services/replay/compare/page.ts";
import { ComparisonFold } from "../../../../services/replay/compare/summary.ts";
import { result } from "./results.ts";

const PARTS = { plot_script: "/* plots </script> */", plot_style: "", title: "A <b> & c", made_at: "now", gates: [] };

function page(text: string): string {
  const fold = new ComparisonFold(10);
  const difference = differenceOf(result({ text: "Oslo" }), result({ text }), 0.5);
  fold.add({ ...difference, texts: { original: "Oslo", replayed: text } });
  return comparisonPage(fold.comparison("rp_1", "shadow"), PARTS);
}

test("nothing that an answer holds becomes part of the page", () => {
  const html = page("<img src=x onerror=alert(1)></pre></script>");
  assert.doesNotMatch(html, /<img/);
  assert.equal(html.match(/<\/script>/g)?.length, 3);
  assert.match(html, /A &#60;b&#62; &#38; c/);
});

test("nothing is loaded from elsewhere", () => {
  assert.doesNotMatch(page("https://example.com/x.js"), /(src|href)=/);
});
