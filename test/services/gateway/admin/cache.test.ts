/** The cache for administrators: a purge is a dry run first, and then the record that routers follow. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CacheView } from "../../../../libs/shared/cache/cache-view.ts";
import { adminCacheRoutes } from "../../../../services/gateway/admin/cache.ts";
import { CacheChecks } from "../../../../services/gateway/admin/cache-checks.ts";
import { putOf } from "../../../libs/shared/cache/entries.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../../support/memory-ports.ts";
import { ADMIN_ID, adminFixture, NOW_MS } from "./admin-fixture.ts";

function setUp() {
  const { deps, acts, serve } = adminFixture();
  const publisher = new MemoryPublisher();
  const view = new CacheView();
  view.apply(putOf({ entry_id: "e1" }), 100);
  view.apply(putOf({ entry_id: "e2", tenant: "other", text: "Opening hours?" }), 200);
  const text = JSON.stringify({
    ...{ id: "r1", tenant: "demo", status: "succeeded", timing: { completed: 5 } },
    route: {
      ...{ tier: "small", model: "m", reason: "", cache: "semantic", cache_entry: "e1", similarity: 0.97, attempts: 0 },
      decision: {
        by: "cache",
        cache: {
          threshold: 0.9,
          candidates: [
            { entry: "e0", similarity: 0.98, rejected_by: "numbers" },
            { entry: "e1", similarity: 0.97, probability: 0.99 },
          ],
        },
      },
    },
  });
  const routes = adminCacheRoutes({
    ...{ ...deps, publisher, codec: jsonCodec, names: NAMES },
    reads: async <Row>() => [{ text }] as readonly unknown[] as readonly Row[],
    figures: async () => ({ at_ms: NOW_MS, rows: [], hours: 24 }),
    checks: { ask: async () => new CacheChecks() },
    scan: async () => ({ view, partial: false }),
  });
  return { ...serve(routes), acts, publisher };
}

describe("the cache", () => {
  test("says what a purge would take away, and changes nothing", async () => {
    const { ask, publisher, acts } = setUp();
    const { done, matched, samples } = (await ask("POST", "/admin/cache/purge", { pattern: "(?i)opening" })).json();
    assert.deepEqual([done, matched, samples[0].entry_id], [false, 1, "e2"]);
    assert.deepEqual([publisher.records, acts], [[], []]);
  });

  test("is purged by one record, and the note of it holds no words of a question", async () => {
    const { ask, publisher, acts } = setUp();
    const body = { pattern: "secret", tenant: "demo", why: "old", dry_run: false };
    assert.equal((await ask("POST", "/admin/cache/purge", body)).json().done, true);
    const [record] = publisher.records;
    const event = JSON.parse(String(record?.value));
    assert.deepEqual(event, {
      ...{ kind: "invalidate", selector: { pattern: "secret", tenant: "demo" }, at_ms: NOW_MS },
      ...{ by: `key ${ADMIN_ID}`, why: "old" },
    });
    assert.equal(JSON.stringify(acts).includes("secret"), false);
  });

  test("is never purged as a whole by leaving something out", async () => {
    const { ask, publisher } = setUp();
    const bodies = [
      { dry_run: false },
      { all: true, tenant: "demo", dry_run: false },
      { pattern: "(?=x)", dry_run: false },
    ];
    for (const body of bodies) assert.equal((await ask("POST", "/admin/cache/purge", body)).statusCode, 400);
    assert.equal(publisher.records.length, 0);
    assert.equal((await ask("POST", "/admin/cache/purge", { all: true })).json().matched, 2);
  });

  test("shows semantic hits with all entries that were looked at", async () => {
    const { ask } = setUp();
    const { data } = (await ask("GET", "/admin/cache/hits?limit=1")).json();
    const [{ entry_id, probability, threshold, candidates }] = data;
    assert.deepEqual([entry_id, probability, threshold, candidates[0].rejected_by], ["e1", 0.99, 0.9, "numbers"]);
  });

  test("counts its entries, and has figures where there were no requests", async () => {
    const { ask, askAsReader } = setUp();
    assert.equal((await ask("GET", "/admin/cache/entries")).json().total.entries, 2);
    const { day, tenants, checks } = (await ask("GET", "/admin/cache")).json();
    assert.deepEqual([day.exact, tenants, checks.checked], [0, [], 0]);
    assert.equal((await askAsReader("GET", "/admin/cache")).statusCode, 403);
  });
});
