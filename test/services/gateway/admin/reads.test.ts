/** Reads for people are few at once and bounded in time; what is dear is found out once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Pool } from "../../../../libs/shared/postgres/client.ts";
import { boundedReads } from "../../../../services/gateway/admin/reads.ts";
import { remembered } from "../../../../services/gateway/admin/remembered.ts";

function memoryPool() {
  const open: { text: string; end: (failure?: Error) => void }[] = [];
  const said: string[] = [];
  const released: unknown[] = [];
  const query = (text: string): Promise<{ rows: object[] }> => {
    said.push(text);
    if (!text.startsWith("SELECT")) return Promise.resolve({ rows: [] });
    return new Promise((resolve, reject) => {
      open.push({ text, end: (failure) => (failure === undefined ? resolve({ rows: [{ text }] }) : reject(failure)) });
    });
  };
  const pool = { connect: async () => ({ query, release: (broken: unknown) => released.push(broken) }) };
  return { pool: pool as unknown as Pool, open, said, released };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("bounded reads", () => {
  test("take their turns, each with a limit of its time, and are refused when too many wait", async () => {
    const { pool, open, said } = memoryPool();
    const reads = boundedReads(pool, { statement_ms_max: 500, at_once: 1, waiting_max: 1 });
    const first = reads("SELECT 1", []);
    const second = reads("SELECT 2", []);
    await assert.rejects(reads("SELECT 3", []), /too many/);
    await turn();
    assert.deepEqual(said, ["BEGIN READ ONLY", "SET LOCAL statement_timeout = 500", "SELECT 1"]);
    open[0]?.end();
    assert.deepEqual(await first, [{ text: "SELECT 1" }]);
    await turn();
    open[1]?.end();
    assert.deepEqual(await second, [{ text: "SELECT 2" }]);
  });

  test("give their place on after a failure", async () => {
    const { pool, open, released } = memoryPool();
    const reads = boundedReads(pool, { statement_ms_max: 500, at_once: 1, waiting_max: 1 });
    const first = reads("SELECT 1", []);
    await turn();
    open[0]?.end(new Error("cancelled"));
    await assert.rejects(first);
    const second = reads("SELECT 2", []);
    await turn();
    open[1]?.end();
    await second;
    assert.deepEqual(released, [false, false]);
  });
});

test("what is remembered is found once for a while, and a failure is not kept", async () => {
  let [now_ms, found] = [0, 0];
  const get = remembered({ now_ms: () => now_ms }, 1_000, async () => {
    found += 1;
    if (found === 1) throw new Error("away");
    return found;
  });
  await assert.rejects(get());
  assert.deepEqual(await Promise.all([get(), get()]), [2, 2]);
  now_ms = 999;
  assert.equal(await get(), 2);
  now_ms = 1_000;
  assert.equal(await get(), 3);
});
