import assert from "node:assert/strict";
import { test } from "node:test";
import { frame } from "../../../../libs/shared/events/wire.ts";
import { schedulingHints } from "../../../../libs/shared/kafka/scheduling-hints.ts";

const tenantOf = (value: string | Buffer | null): string =>
  schedulingHints({ headers: {}, value: typeof value === "string" ? Buffer.from(value) : value }).tenant;

test("headers say it", () => {
  const headers = { "sluice-tenant": "acme", "sluice-deadline-ms": "1234" };
  const value = Buffer.from('{"tenant":"other"}');
  assert.deepEqual(schedulingHints({ headers, value }), { tenant: "acme", deadline_ms: 1_234 });
});

test("a deadline that is no number is none", () => {
  for (const text of ["soon", "NaN", "Infinity"]) {
    const { deadline_ms } = schedulingHints({ headers: { "sluice-deadline-ms": text }, value: null });
    assert.equal(deadline_ms, Number.POSITIVE_INFINITY);
  }
});

test("else the value does, near its beginning", () => {
  const long = "x".repeat(600);
  const cases: [string | Buffer | null, string][] = [
    ['{"tenant":"acme"}', "acme"],
    ['{ "id": "1",\n  "tenant" : "acme" }', "acme"],
    [frame(7, Buffer.from('{"tenant":"acme"}')), "acme"],
    [JSON.stringify({ body: { content: '"tenant":"evil"' }, tenant: "acme" }), "acme"],
    [JSON.stringify({ body: long, tenant: "acme" }), ""],
    [`{"tenant":"${long}"}`, ""],
    ['{"tenant":7}', ""],
    ['{"tenant"', ""],
    ['{"tenant":', ""],
    ['{"tenant":"acm', ""],
    ['{"tenant":"a\\u0063me"}', ""],
    ["hello", ""],
    [Buffer.alloc(0), ""],
    [null, ""],
  ];
  for (const [value, tenant] of cases) assert.equal(tenantOf(value), tenant, String(value));
});
