/** Pages of large entries are short, and none is empty. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PageSize } from "../../../../services/gateway/streams/page-size.ts";

test("a page holds what fits, at least one entry, and a few at first", () => {
  const page = new PageSize();
  assert.equal(page.limit, 4);
  const limits = [200, 1_024, 1_000_000, 0].map((each_bytes) => {
    page.saw(10, 10 * each_bytes);
    return page.limit;
  });
  assert.deepEqual(limits, [81, 16, 1, 100]);
  page.saw(0, 0);
  assert.equal(page.limit, 100);
});
