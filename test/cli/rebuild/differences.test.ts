import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesOf, differencesTable } from "../../../cli/rebuild/differences.ts";

const day = { scope: "tenant_day", subject: "", window: "2026-11-21" } as const;
const session = { scope: "session", subject: "s", window: "" } as const;
const ledger = [
  { tenant: "acme", counter: day, reserved_nusd: 5, settled_nusd: 7 },
  { tenant: "acme", counter: session, reserved_nusd: 0, settled_nusd: 7 },
];

test("counters that are as the ledger says are no difference", () => {
  const sums = ledger.map(({ counter, reserved_nusd, settled_nusd }) => ({ counter, reserved_nusd, settled_nusd }));
  assert.deepEqual(differencesOf(ledger, sums), []);
});

test("a difference of one nano-dollar is told, and a counter that is not there is nought", () => {
  const found = differencesOf(ledger, [{ counter: day, reserved_nusd: 5, settled_nusd: 8 }]);
  assert.deepEqual(
    found.map(({ scope, ledger: wanted, counters }) => [scope, wanted.settled_nusd, counters.settled_nusd]),
    [
      ["tenant_day", 7, 8],
      ["session", 7, 0],
    ],
  );
  const lines = differencesTable(found)
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(lines[1], [
    ...["acme", "tenant_day", "2026-11-21", "-"],
    ...["$0.000000005", "$0.000000005", "$0.000000007", "$0.000000008"],
  ]);
});
