/** What every bucket behind the port keeps to. Each adapter's test runs it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LimitSettings } from "../../../../libs/shared/config/inference.ts";
import type { LimitStore } from "../../../../services/inference/limits/limit-store.ts";

export type StoreUnderTest = {
  readonly store: LimitStore;
  /** Lets time pass for the bucket. */
  advance(ms: number): Promise<void>;
};

const NOTHING = { requests: 0, tokens: 0 };
/** Slow, so that real time that passes meanwhile is as nothing. */
const SETTINGS: LimitSettings = { requests_per_minute: 6, tokens_per_minute: 6_000, scope: "assignment" };
const call = (tokens: number, requests = 1) => ({ requests, tokens });

/** @param make a new bucket that has the whole of the limits. */
export function limitStoreSuite(name: string, make: (settings: LimitSettings) => Promise<StoreUnderTest>): void {
  describe(name, () => {
    test("grants from the first on, up to the first that cannot go", async () => {
      const { store } = await make(SETTINGS);
      const answer = await store.ask([call(100), call(1), call(1)], NOTHING);
      assert.equal(answer.granted, 1);
      assert.ok(answer.wait_ms > 5_000 && answer.wait_ms < 11_000, `${answer.wait_ms}`);
    });

    test("the wait that it tells suffices, and half of it does not", async () => {
      const { store, advance } = await make(SETTINGS);
      const { wait_ms } = await store.ask([call(2_000), call(1)], NOTHING);
      assert.ok(wait_ms > 19_000 && wait_ms < 22_000, `${wait_ms}`);
      await advance(wait_ms / 2);
      assert.equal((await store.ask([call(1)], NOTHING)).granted, 0);
      await advance(wait_ms / 2);
      assert.deepEqual(await store.ask([call(1)], NOTHING), { granted: 1, wait_ms: 0 });
    });

    test("what is refused by one dimension takes nothing of the other", async () => {
      const { store, advance } = await make({ requests_per_minute: 60, tokens_per_minute: 6_000, scope: "assignment" });
      await store.ask([call(3_000)], NOTHING);
      await advance(10_000);
      for (let at = 0; at < 20; at += 1) assert.equal((await store.ask([call(500)], NOTHING)).granted, 0);
      assert.equal((await store.ask([call(0)], NOTHING)).granted, 1);
    });

    test("what is given back counts before the calls, what is owed too", async () => {
      const { store, advance } = await make({ tokens_per_minute: 6_000, scope: "assignment" });
      await store.ask([call(3_000)], NOTHING);
      assert.equal((await store.ask([call(1)], { requests: 0, tokens: 3_000 })).granted, 1);
      await advance(1_000);
      const { granted, wait_ms } = await store.ask([call(1)], { requests: 0, tokens: -1_000 });
      assert.equal(granted, 0);
      assert.ok(wait_ms > 9_000 && wait_ms < 11_000, `${wait_ms}`);
    });

    test("a long time without calls makes no burst of it", async () => {
      const { store, advance } = await make({ requests_per_minute: 600, scope: "assignment" });
      await store.ask([], NOTHING);
      await advance(100_000);
      const { granted } = await store.ask(
        Array.from({ length: 64 }, () => call(1)),
        NOTHING,
      );
      assert.ok(granted >= 3 && granted <= 5, `${granted}`);
    });

    test("a debt is forgotten after a minute", async () => {
      const { store, advance } = await make(SETTINGS);
      await store.ask([call(1_000_000)], NOTHING);
      await advance(63_000);
      assert.equal((await store.ask([call(1)], NOTHING)).granted, 1);
    });

    test("a limit that is not set holds nothing up", async () => {
      const { store } = await make({ requests_per_minute: 600, scope: "assignment" });
      assert.equal((await store.ask([call(1e9)], NOTHING)).granted, 1);
      assert.equal((await store.ask([call(1e9, 0)], NOTHING)).granted, 1);
      assert.equal(store.tokens_per_minute, undefined);
    });
  });
}
