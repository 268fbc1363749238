/** What is found out once for all who ask. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refreshed, remembered } from "../../../../services/gateway/admin/remembered.ts";

function setUp() {
  const clock = { at_ms: 0, now_ms: () => clock.at_ms };
  const found = { times: 0, fails: false };
  const find = async (): Promise<number> => {
    found.times += 1;
    if (found.fails) throw new Error("away");
    return found.times;
  };
  return { clock, found, find };
}

describe("what is remembered", () => {
  test("is found anew after a while, and after a failure", async () => {
    const { clock, found, find } = setUp();
    const ask = remembered(clock, 100, find);
    assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1]);
    clock.at_ms = 100;
    found.fails = true;
    await assert.rejects(ask());
    found.fails = false;
    assert.equal(await ask(), 3);
  });

  test("is given while it is found anew, until it is too old", async () => {
    const { clock, found, find } = setUp();
    const ask = refreshed(clock, { keep_ms: 100, stale_ms: 1_000 }, find);
    assert.equal(await ask(), 1);
    clock.at_ms = 200;
    assert.deepEqual([await ask(), found.times], [1, 2]);
    assert.deepEqual([await ask(), found.times], [2, 2]);
    clock.at_ms = 400;
    found.fails = true;
    assert.equal(await ask(), 2);
    clock.at_ms = 5_000;
    await assert.rejects(ask());
    found.fails = false;
    assert.equal(await ask(), 5);
  });
});
