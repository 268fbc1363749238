/** Names and lifetimes within the stores of admission counters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  counterExpires_ms,
  counterKeyName,
  inCheckOrder,
  rateName,
  rateSubjectsOf,
} from "../../../../libs/shared/budgets/store-names.ts";
import { rateOf } from "./asks.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;

test("subjects are short and plain in key names, and no two share one", () => {
  const subjects = ["", "u", "v", "a:b", "x".repeat(9_000), "\n{}", "名"];
  const names = subjects.map((subject) => counterKeyName({ scope: "user_day", subject, window: "2026-11-21" }));
  assert.equal(new Set(names).size, subjects.length);
  for (const name of names) assert.match(name, /^user_day:2026-11-21:[\w-]{0,22}$/);
  assert.match(rateName({ scope: "key", subject: "abc" }), /^key:[\w-]{22}$/);
  assert.equal(rateName({ scope: "global", subject: "" }), "global");
});

test("a day is kept for 3 days after its end, a month for 40, a session from when it last moved", () => {
  const expires = (scope: "session" | "user_day" | "tenant_month", window: string) =>
    counterExpires_ms({ scope, subject: "", window }, NOW_MS, 5_000);
  assert.equal(expires("user_day", "2026-11-21"), Date.UTC(2026, 10, 22) + 3 * DAY_MS);
  assert.equal(expires("tenant_month", "2026-12"), Date.UTC(2027, 0, 1) + 40 * DAY_MS);
  assert.equal(expires("session", ""), NOW_MS + 5_000);
});

test("limits are checked from the widest to the tenant's own", () => {
  const scopes = (["tenant", "user", "global", "key"] as const).map((scope) => rateOf({ scope }));
  assert.deepEqual(
    inCheckOrder(scopes).map(({ scope }) => scope),
    ["global", "key", "user", "tenant"],
  );
});

test("a request is charged to everybody it names", () => {
  assert.deepEqual(
    rateSubjectsOf({ user: "u", key_id: "k" }).map(({ scope, subject }) => scope + subject),
    ["global", "tenant", "useru", "keyk"],
  );
  assert.equal(rateSubjectsOf({}).length, 2);
});
