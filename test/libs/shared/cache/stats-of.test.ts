/** What the entries of the cache sum up to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { statsTable } from "../../../../cli/cache/table.ts";
import { CacheView } from "../../../../libs/shared/cache/cache-view.ts";
import { statsOf } from "../../../../libs/shared/cache/stats-of.ts";
import type { CacheEntryHead } from "../../../../libs/shared/events/cache.ts";
import { entryOf } from "./entries.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = 1_000 * HOUR_MS;

function exact(own: Partial<CacheEntryHead>): CacheEntryHead {
  const { text: _text, embedding: _embedding, embedding_model: _model, ...head } = entryOf(own);
  return head;
}

function viewOf(entries: readonly CacheEntryHead[]): CacheView {
  const view = new CacheView();
  for (const entry of entries) {
    view.apply({ kind: "put", key: `${entry.namespace}:${entry.entry_id}`, entry, response: Buffer.from("{}") }, 100);
  }
  return view;
}

test("entries are summed by tenant, kind, age and model", () => {
  const ago = (hours: number) => ({ created_ms: NOW_MS - hours * HOUR_MS, expires_ms: NOW_MS + HOUR_MS });
  const view = viewOf([
    entryOf({ entry_id: "1", ...ago(0.5) }),
    entryOf({ entry_id: "2", ...ago(2), request_id: "warmed", embedding_model: "model-b" }),
    exact({ entry_id: "3", ...ago(48), tenant: "acme" }),
    exact({ entry_id: "4", ...ago(400), expires_ms: NOW_MS, tenant: "__proto__" }),
  ]);
  const stats = statsOf(view.entries(), NOW_MS);
  assert.deepEqual(stats.ages, { under_1h: 1, under_1d: 1, under_7d: 1, older: 1 });
  assert.deepEqual(stats.embedding_models, { "model-a": 1, "model-b": 1 });
  assert.deepEqual(stats.total, {
    entries: 4,
    semantic: 2,
    exact: 2,
    warmed: 1,
    expired: 1,
    bytes: 400,
    oldest_ms: NOW_MS - 400 * HOUR_MS,
    newest_ms: NOW_MS - HOUR_MS / 2,
  });
  assert.deepEqual(
    stats.tenants.map(({ tenant, entries, semantic }) => [tenant, entries, semantic]),
    [
      ["demo", 2, 2],
      ["__proto__", 1, 0],
      ["acme", 1, 0],
    ],
  );
  assert.match(statsTable(stats, NOW_MS), /\nall +4 +2 +2 +1 +1 +400 B +30 min +16 d$/);
});

test("nothing sums up to nothing", () => {
  const stats = statsOf([], NOW_MS);
  assert.equal(stats.total.entries, 0);
  assert.equal(stats.total.oldest_ms, null);
  assert.match(statsTable(stats, NOW_MS), /\nall +0 .* – +–$/);
});
