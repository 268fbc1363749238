/** What every store of replays does, whatever it stands on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { replayId } from "../../../../libs/shared/replay/id.ts";
import { type NewReplay, NO_TOTALS, type Replay, type ReplayStore } from "../../../../libs/shared/replay/replay.ts";
import { START_MS } from "../../../../tools/simulate/virtual-clock.ts";

const NOW_MS = START_MS + 5_000;
const UNTIL_MS = NOW_MS + 10_000;
const RANGES = [{ topic: "llm.requests", partition: 3, from: 5, to: 9 }];

export type StoreUnderTest = {
  readonly store: ReplayStore;
  /** Nothing of earlier tests is left. */
  clear(): Promise<void>;
};

export function describeReplayStore(name: string, open: () => StoreUnderTest, skip: string | false = false): void {
  describe(name, { skip }, () => {
    let store: ReplayStore;
    let id: string;
    let made = 0;
    const create = async (more: Partial<NewReplay> = {}): Promise<string> => {
      made += 1;
      const selection = { topic: "llm.requests", label: { odd: "\0 \ud800 é" } };
      const replay: NewReplay = {
        ...{ id: replayId(START_MS + made, randomBytes(6)), spec: { mode: "reuse", selection } },
        ...{ runner: "service", by: "tests", created_ms: START_MS + made },
        ...more,
      };
      await store.create(replay);
      return replay.id;
    };
    const status = async (of = id): Promise<Replay["status"] | undefined> => (await store.find(of))?.status;
    /** Runs it until it has this status, and lets go. */
    const bring = async (to: Replay["status"], more: object = {}): Promise<void> => {
      assert.ok(await store.lease("bringer", NOW_MS, UNTIL_MS, id));
      assert.ok(await store.save(id, "bringer", { status: to, ranges: RANGES, ...more }, NOW_MS));
      await store.release(id, "bringer");
    };
    beforeEach(async () => {
      const under = open();
      await under.clear();
      store = under.store;
      id = await create();
    });

    test("a new one is to be previewed, and is found as it was asked for", async () => {
      const replay = await store.find(id);
      assert.equal(replay?.status, "previewing");
      assert.equal(replay?.spec.selection.topic, "llm.requests");
      assert.deepEqual(replay?.totals, NO_TOTALS);
      assert.deepEqual([replay?.runner, replay?.by, replay?.ranges], ["service", "tests", undefined]);
      assert.equal(await store.find("rp_none"), undefined);
    });

    test("lists the latest first, page by page", async () => {
      const second = await create();
      const third = await create();
      const ids = async (page: { after?: string; limit: number }) => (await store.list(page)).map((one) => one.id);
      assert.deepEqual(await ids({ limit: 2 }), [third, second]);
      assert.deepEqual(await ids({ limit: 2, after: second }), [id]);
    });

    test("a lease is one owner's until it ends", async () => {
      assert.equal((await store.lease("one", NOW_MS, UNTIL_MS))?.id, id);
      assert.equal(await store.lease("two", NOW_MS, UNTIL_MS), undefined);
      assert.equal(await store.renew(id, "two", UNTIL_MS), "lost");
      assert.equal(await store.save(id, "two", { status: "running" }, NOW_MS), false);
      assert.equal(await store.renew(id, "one", UNTIL_MS + 1), "held");
      assert.equal(await store.lease("two", UNTIL_MS, UNTIL_MS + 10, id), undefined);
      assert.equal((await store.lease("two", UNTIL_MS + 1, UNTIL_MS + 10))?.id, id, "left by one that died");
      assert.equal(await store.renew(id, "one", UNTIL_MS + 20), "lost");
    });

    test("what was let go is another's at once; the oldest goes first, each to one", async () => {
      const second = await create();
      assert.equal((await store.lease("one", NOW_MS, UNTIL_MS))?.id, id);
      assert.equal((await store.lease("two", NOW_MS, UNTIL_MS))?.id, second);
      await store.release(id, "one");
      assert.equal((await store.lease("three", NOW_MS, UNTIL_MS))?.id, id);
    });

    test("what the command line runs is leased by name alone", async () => {
      await store.want(id, "cancel", NOW_MS);
      const own = await create({ runner: "cli" });
      assert.equal(await store.lease("service", NOW_MS, UNTIL_MS), undefined);
      assert.equal((await store.lease("cli", NOW_MS, UNTIL_MS, own))?.id, own);
    });

    test("what was previewed runs once it is asked for, by whom and with what is said then", async () => {
      await bring("previewed", { error: { code: "x", message: "\0" } });
      assert.equal(await store.lease("one", NOW_MS, UNTIL_MS), undefined, "it waits for a confirmation");
      assert.equal(await store.ask(id, "cli", 5_000_000_000_000, NOW_MS), true);
      const asked = await store.find(id);
      assert.deepEqual([asked?.status, asked?.runner, asked?.budget_nusd], ["asked", "cli", 5_000_000_000_000]);
      assert.deepEqual([asked?.error, asked?.ranges], [undefined, RANGES]);
      await store.lease("one", NOW_MS, UNTIL_MS, id);
      assert.equal(await store.ask(id, "service", undefined, NOW_MS), false, "somebody runs it");
      assert.equal(await store.ask(id, "service", undefined, UNTIL_MS), true, "nobody does any more");
      assert.equal((await store.find(id))?.budget_nusd, 5_000_000_000_000);
    });

    test("one that failed before its preview is previewed when it is asked for again", async () => {
      await store.lease("one", NOW_MS, UNTIL_MS);
      await store.save(id, "one", { status: "failed", error: { code: "x", message: "y" }, ended_ms: NOW_MS }, NOW_MS);
      await store.release(id, "one");
      assert.equal((await store.find(id))?.ended_ms, NOW_MS);
      assert.equal(await store.ask(id, "service", undefined, NOW_MS), true);
      const again = await store.find(id);
      assert.deepEqual([again?.status, again?.ended_ms, again?.error], ["previewing", undefined, undefined]);
    });

    test("whoever runs it hears that it is to pause; after that nobody wants anything", async () => {
      await store.lease("one", NOW_MS, UNTIL_MS);
      assert.equal((await store.want(id, "pause", NOW_MS))?.wanted, "pause");
      assert.equal(await store.renew(id, "one", UNTIL_MS), "pause");
      await store.save(id, "one", { totals: { ...NO_TOTALS, passed: 2 } }, NOW_MS);
      assert.equal(await store.renew(id, "one", UNTIL_MS), "pause");
      await store.save(id, "one", { status: "paused" }, NOW_MS);
      const paused = await store.find(id);
      assert.deepEqual([paused?.status, paused?.wanted, paused?.totals.passed], ["paused", undefined, 2]);
    });

    test("what nobody runs is paused or cancelled at once", async () => {
      assert.equal((await store.want(id, "pause", NOW_MS))?.status, "paused");
      assert.equal((await store.want(id, "cancel", NOW_MS))?.status, "cancelled");
      assert.equal((await store.find(id))?.ended_ms, NOW_MS);
      assert.equal((await store.want(id, "pause", NOW_MS))?.status, "cancelled");
      assert.equal(await store.ask(id, "cli", undefined, NOW_MS), false);
      assert.equal(await store.want("rp_none", "pause", NOW_MS), undefined);
    });

    test("a pause leaves what waits for a confirmation, or has ended, as it is", async () => {
      await bring("previewed");
      assert.equal((await store.want(id, "pause", NOW_MS))?.status, "previewed");
      await store.ask(id, "cli", undefined, NOW_MS);
      await bring("completed");
      assert.equal((await store.want(id, "cancel", NOW_MS))?.status, "completed");
      assert.equal(await status(), "completed");
    });
  });
}
