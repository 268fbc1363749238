/** Requests of all tenants, and what ended by the slot, on a real Postgres. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { boundedReads } from "../../../../services/gateway/admin/reads.ts";
import { type EndedPage, endedRows, rowsOfId } from "../../../../services/gateway/admin/request-rows.ts";
import { readSlotRows } from "../../../../services/gateway/admin/slot-rows.ts";
import { SLOT_MS } from "../../../../services/gateway/admin/slots.ts";
import { PostgresClaimStore } from "../../../../services/results/claims.ts";
import { claimOf } from "../../../support/claims.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.now();

describe("rows of all tenants", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;

  before(async () => {
    database = await createDatabase("adminrows");
    await migrate(database.pool);
    const at = (age_ms: number, took_ms = 100) => ({
      received_ms: NOW_MS - age_ms - took_ms,
      completed_ms: NOW_MS - age_ms,
    });
    const claims = [
      claimOf("old", 0, at(3 * HOUR_MS), "demo"),
      claimOf("new", 1, { ...at(1_000), cache: "exact", cost_nusd: 0 }, "demo"),
      claimOf("same", 2, at(5_000), "demo"),
      claimOf("same", 3, { ...at(5_000), status: "failed", error_code: "provider_error" }, "other"),
    ];
    await new PostgresClaimStore(database.pool).claim(claims);
  });
  after(() => database.drop());

  const page = async (more: Partial<EndedPage>) =>
    endedRows(boundedReads(database.pool), { limit: 10, ...more }, NOW_MS);
  const names = async (more: Partial<EndedPage>) => (await page(more)).map(({ tenant, id }) => `${tenant} ${id}`);

  test("come the last ended first, from however far back", async () => {
    assert.deepEqual(await names({}), ["demo new", "other same", "demo same", "demo old"]);
    assert.deepEqual(await names({ from_ms: NOW_MS - HOUR_MS }), ["demo new", "other same", "demo same"]);
    assert.deepEqual(await names({ to_ms: NOW_MS - HOUR_MS }), ["demo old"]);
  });

  test("go on behind a place, each once", async () => {
    const seen: string[] = [];
    for (let before: EndedPage["before"]; ; ) {
      const [row] = await page({ limit: 1, before });
      if (row === undefined) break;
      seen.push(`${row.tenant} ${row.id}`);
      before = row;
    }
    assert.deepEqual(seen, await names({}));
  });

  test("are found by what is known of them", async () => {
    assert.deepEqual(await names({ cache: "exact" }), ["demo new"]);
    assert.deepEqual(await names({ statuses: ["failed"] }), ["other same"]);
    assert.deepEqual(await names({ error_code: "provider_error", tier: "no such tier" }), []);
    const same = await rowsOfId(boundedReads(database.pool), ["demo", "other", "third"], "same");
    assert.deepEqual(
      same.map(({ tenant }) => tenant),
      ["demo", "other"],
    );
  });

  test("are summed by the slot that they ended in", async () => {
    const slot = Math.floor((NOW_MS - 5_000) / SLOT_MS);
    const rows = await readSlotRows(boundedReads(database.pool), { from: slot - 1, to: slot + 2 });
    const requests = rows.reduce((sum, row) => sum + row.requests, 0);
    assert.equal(requests, 3);
    const failed = rows.find(({ status }) => status === "failed");
    assert.deepEqual([failed?.slot, failed?.class], [slot, null]);
    const exact = rows.find(({ cache }) => cache === "exact");
    assert.deepEqual([exact?.cost_usd, exact?.class], [0, Math.floor(Math.log(100) / Math.log(1.05))]);
  });
});
