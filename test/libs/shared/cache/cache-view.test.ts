/** What is in the cache, folded from its topic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CacheView, entryIdFrom } from "../../../../libs/shared/cache/cache-view.ts";
import { putOf } from "./entries.ts";

const ids = (view: CacheView): string[] => view.entries().map(({ entry_id }) => entry_id);

test("the latest record of a key stands, the newest entry first, until it is taken away", () => {
  const view = new CacheView();
  view.apply(putOf({ entry_id: "old", created_ms: 1 }), 10);
  view.apply(putOf({ entry_id: "new", created_ms: 3 }), 20);
  view.apply(putOf({ entry_id: "mid", created_ms: 2 }), 30);
  assert.deepEqual(ids(view), ["new", "mid", "old"]);
  view.apply(putOf({ entry_id: "old", created_ms: 4 }), 40);
  assert.deepEqual(ids(view), ["old", "new", "mid"]);
  assert.equal(view.get("n1:old")?.bytes, 40);
  view.apply({ kind: "removed", key: "n1:old", namespace: "n1", entry_id: "old" }, 0);
  assert.deepEqual(ids(view), ["new", "mid"]);
});

test("embeddings are told of and not kept, answers only where they are wanted", () => {
  const view = new CacheView((entry_id) => entry_id === "wanted");
  view.apply(putOf({ entry_id: "wanted" }, Buffer.from('{"a":1}')), 1);
  view.apply(putOf({ entry_id: "other" }), 1);
  const [wanted, other] = [view.get("n1:wanted"), view.get("n1:other")];
  assert.equal(wanted?.semantic, true);
  assert.ok(wanted !== undefined && !("embedding" in wanted));
  assert.equal(wanted.response?.toString(), '{"a":1}');
  assert.equal(other?.response, undefined);
});

test("an id is known by its beginning", () => {
  const view = new CacheView();
  for (const entry_id of ["abc1", "abc2", "abc", "xyz"]) view.apply(putOf({ entry_id }), 1);
  // The same request under another embedding model.
  view.apply(putOf({ entry_id: "xyz", namespace: "n2" }), 1);
  const entries = view.entries();
  assert.equal(entryIdFrom(entries, "x"), "xyz");
  assert.equal(entryIdFrom(entries, "abc"), "abc");
  assert.equal(entryIdFrom(entries, "q"), undefined);
  assert.throws(() => entryIdFrom(entries, "ab"), /3 entries begin with "ab"/);
});
