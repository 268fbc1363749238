/** What a call says of its delivery. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { webhooksSchema } from "../../../../libs/shared/config/gateway.ts";
import type { Called } from "../../../../libs/shared/webhooks/guarded-client.ts";
import { deliveryMsMax, verdictOn } from "../../../../services/results/webhooks/verdict.ts";

const SETTINGS = webhooksSchema.parse({});
const NOW_MS = 1_767_225_600_000;
const MIDDLE = 0.5;
const answered = (status: number, retry_after?: string): Called => ({
  kind: "answered",
  ...{ status, duration_ms: 1 },
  ...(retry_after === undefined ? {} : { retry_after }),
});
const wait_s = (called: Called, tries: number, random = MIDDLE): number | undefined => {
  const verdict = verdictOn(called, tries, SETTINGS, NOW_MS, random);
  return verdict.status === "pending" ? (verdict.next_ms - NOW_MS) / 1_000 : undefined;
};

describe("a delivery", () => {
  test("is done by 2xx alone", () => {
    for (const status of [200, 201, 202, 204, 299]) {
      assert.deepEqual(verdictOn(answered(status), 1, SETTINGS, NOW_MS, 0), { status: "delivered" });
    }
    for (const status of [199, 301, 302, 304, 307, 400, 401, 404, 409, 429, 500, 503]) {
      assert.equal(verdictOn(answered(status), 1, SETTINGS, NOW_MS, 0).status, "pending", String(status));
    }
  });

  test("is tried by Standard Webhooks' schedule, ten times in all", () => {
    const broken: Called = { kind: "failed", why: "the connection broke", duration_ms: 1 };
    const waits = Array.from({ length: 10 }, (_, index) => wait_s(broken, index + 1));
    assert.deepEqual(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, undefined]);
    assert.deepEqual(verdictOn(broken, 10, SETTINGS, NOW_MS, 0), { status: "failed", gone: false });
  });

  test("waits a tenth less or more", () => {
    assert.equal(wait_s(answered(500), 2, 0), 270);
    assert.ok(Math.abs((wait_s(answered(500), 2, 0.999_999) ?? 0) - 330) < 0.01);
  });

  test("of a URL that is never called has failed, as has one whose receiver is gone", () => {
    const refused: Called = { kind: "refused", why: "the URL …", duration_ms: 0 };
    assert.deepEqual(verdictOn(refused, 1, SETTINGS, NOW_MS, 0), { status: "failed", gone: false });
    assert.deepEqual(verdictOn(answered(410), 1, SETTINGS, NOW_MS, 0), { status: "failed", gone: true });
  });

  test("waits as long as a busy receiver says, within the schedule", () => {
    assert.equal(wait_s(answered(429, "60"), 1), 60);
    assert.equal(wait_s(answered(503, new Date(NOW_MS + 90_000).toUTCString()), 1), 90);
    assert.equal(wait_s(answered(429, "1"), 2), 300);
    assert.equal(wait_s(answered(429, "999999999"), 1), 86_400);
    assert.equal(wait_s(answered(500, "60"), 1), 5);
    for (const nothing of ["", "soon", "-5", "1e9", "Thu, 01 Jan 1970 00:00:00 GMT"]) {
      assert.equal(wait_s(answered(429, nothing), 1), 5, nothing);
    }
  });

  test("always waits at least the schedule's wait less a tenth, and at most its longest with a tenth", () => {
    const wait = fc.record({
      status: fc.integer({ min: 300, max: 599 }).filter((status) => status !== 410),
      ...{ retry_after: fc.option(fc.string()), tries: fc.integer({ min: 1, max: 9 }) },
      random: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    });
    fc.assert(
      fc.property(wait, ({ status, retry_after, tries, random }) => {
        const found = wait_s(answered(status, retry_after ?? undefined), tries, random) ?? -1;
        assert.ok(found >= (SETTINGS.retry_after_s[tries - 1] ?? 0) * 0.9 - 0.001);
        assert.ok(found <= 86_400 * 1.1 + 0.001);
      }),
    );
  });

  test("waits four days in all at the most", () => {
    assert.ok(deliveryMsMax(SETTINGS) / 86_400_000 > 3 && deliveryMsMax(SETTINGS) / 86_400_000 < 5);
    assert.equal(deliveryMsMax({ retry_after_s: [] }), 86_400_000);
  });
});

test("without a schedule a delivery is tried once", () => {
  assert.deepEqual(verdictOn(answered(429, "5"), 1, { retry_after_s: [] }, NOW_MS, 0), {
    status: "failed",
    gone: false,
  });
});
