/** What leaves the cache, from where, and by whom. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { selectorMatch } from "../../../../libs/shared/cache/selector.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import type { CacheSelector, InvalidateEvent } from "../../../../libs/shared/events/control.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { IndexedEntry } from "../../../../services/router/cache/contract.ts";
import { CacheKeeper } from "../../../../services/router/cache/keeper.ts";
import { LocalAnswers } from "../../../../services/router/cache/local.ts";
import { MemoryCacheAnswers } from "../../../../tools/simulate/cache-answers.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryPublisher } from "../../../support/memory-ports.ts";
import { answerOf, entryOf } from "./fixture.ts";

const MINUTE_MS = 60_000;

/** An index as the contract has it, without vectors. */
class PlainIndex {
  entries: IndexedEntry[] = [];
  evicted: IndexedEntry[] = [];
  swept_ms: number[] = [];

  removeMatching(selector: CacheSelector, at_ms: number): IndexedEntry[] {
    return this.#take(selectorMatch(selector, at_ms));
  }

  sweep(now_ms: number): IndexedEntry[] {
    this.swept_ms.push(now_ms);
    return [...this.evicted.splice(0), ...this.#take(({ expires_ms }) => expires_ms <= now_ms)];
  }

  times(place: { readonly entry_id: string }): IndexedEntry | undefined {
    return this.entries.find(({ entry_id }) => entry_id === place.entry_id);
  }

  #take(match: (entry: IndexedEntry) => boolean): IndexedEntry[] {
    const gone = this.entries.filter(match);
    this.entries = this.entries.filter((entry) => !gone.includes(entry));
    return gone;
  }
}

class World {
  readonly clock: VirtualClock;
  readonly answers: MemoryCacheAnswers;
  readonly local = new LocalAnswers({ local_entries_max: 10_000, local_bytes_max: 1e9 });
  readonly index = new PlainIndex();
  readonly publisher = new MemoryPublisher();
  readonly removed: string[] = [];
  readonly keeper: CacheKeeper;
  leads = true;
  away = false;
  caught_up = true;
  restored = 0;

  constructor(beside?: World) {
    this.clock = beside?.clock ?? new VirtualClock();
    this.answers = beside?.answers ?? new MemoryCacheAnswers(this.clock);
    const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
      if (this.away) throw unavailable("redis", new Error("gone"));
      return call();
    };
    this.keeper = new CacheKeeper({
      index: this.index,
      local: this.local,
      answers: {
        look: (looks) => guarded(() => this.answers.look(looks)),
        remove: (refs) => guarded(() => this.answers.remove(refs)),
        isAlive: () => guarded(() => this.answers.isAlive()),
      },
      publisher: this.publisher,
      tombstone: ({ namespace, entry_id }) => ({ topic: "llm.cache", key: `${namespace}:${entry_id}`, value: null }),
      leads: () => guarded(async () => this.leads),
      caughtUp: () => this.caught_up,
      restore: async () => {
        this.restored += 1;
        await this.answers.setAlive();
      },
      clock: this.clock,
      log: silentLog,
      removed: (why, count) => count > 0 && this.removed.push(`${count} ${why}`),
    });
  }

  /** In the index, in memory and in Redis. */
  async hold(...ids: string[]): Promise<void> {
    for (const entry_id of ids) {
      const ref = { tenant: "demo", entry_id };
      this.index.entries.push(entryOf({ entry_id }));
      this.local.put(ref, answerOf({ entry_id }), this.local.removals);
      await this.answers.finish([{ ...ref, answer: answerOf({ entry_id }) }], [], START_MS);
    }
  }

  get told(): string[] {
    return this.publisher.records.map(({ key, value }) => `${key} ${value}`);
  }

  where(entry_id: string): string {
    const indexed = this.index.entries.some((entry) => entry.entry_id === entry_id);
    const local = this.local.get({ tenant: "demo", entry_id }, START_MS) !== undefined;
    const redis = this.answers.keys.includes(`cache:{demo}:answer:${entry_id}`);
    return `${indexed ? "index " : ""}${local ? "local " : ""}${redis ? "redis" : ""}`.trim();
  }
}

const eventOf = (selector: CacheSelector, at_ms = START_MS): InvalidateEvent => ({
  kind: "invalidate",
  selector,
  at_ms,
});

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  let over = false;
  clock.after(ms, () => {
    over = true;
  });
  await clock.run(() => over, Number.POSITIVE_INFINITY);
}

describe("an invalidation", () => {
  test("takes what it means out of index, memory, Redis and the topic, and nothing else", async () => {
    const world = new World();
    await world.hold("a", "b");
    await world.keeper.invalidate(eventOf({ entry_id: "a" }));
    assert.deepEqual([world.where("a"), world.where("b")], ["", "index local redis"]);
    assert.deepEqual([world.told, world.removed], [["n1:a null"], ["1 invalidated"]]);
  });

  test("means nothing that was made later", async () => {
    const world = new World();
    await world.hold("a");
    await world.keeper.invalidate(eventOf({ entry_id: "a", tenant: "demo" }, START_MS - 1));
    // Memory may forget it: Redis has it.
    assert.deepEqual([world.where("a"), world.told], ["index redis", []]);
  });

  test("of one entry by its name takes its answer also where the index does not have it", async () => {
    const world = new World();
    await world.hold("a");
    world.index.entries = [];
    await world.keeper.invalidate(eventOf({ entry_id: "a", tenant: "demo", pattern: "x" }));
    assert.equal(world.where("a"), "local redis");
    await world.keeper.invalidate(eventOf({ entry_id: "a", tenant: "demo" }));
    assert.equal(world.where("a"), "");
  });

  test("takes what the view reads a little later too, for some turns", async () => {
    const world = new World();
    world.caught_up = false;
    await world.keeper.invalidate(eventOf({ tenant: "demo" }));
    for (let turn = 0; turn < 10; turn += 1) await world.keeper.turn();
    await world.hold("a");
    world.caught_up = true;
    await world.keeper.turn();
    assert.equal(world.where("a"), "");
    for (let turn = 0; turn < 3; turn += 1) await world.keeper.turn();
    await world.hold("b");
    await world.keeper.turn();
    assert.equal(world.where("b"), "index local redis");
  });

  test("is told by the leader alone; should it die, its successor tells it", async () => {
    const [leader, other] = [new World(), new World()];
    other.leads = false;
    for (const world of [leader, other]) {
      await world.hold("a");
      await world.keeper.invalidate(eventOf({ tenant: "demo" }));
    }
    assert.deepEqual([leader.told.length, other.told.length, other.where("a")], [1, 0, ""]);
    await other.keeper.turn();
    other.leads = true;
    await other.keeper.turn();
    await other.keeper.turn();
    assert.deepEqual(other.told, ["n1:a null"]);
  });

  test("clears index and memory at once while Redis is away, and the rest in a later turn", async () => {
    const world = new World();
    await world.hold("a");
    world.away = true;
    await assert.rejects(world.keeper.invalidate(eventOf({ tenant: "demo" })));
    await assert.rejects(world.keeper.turn());
    assert.deepEqual([world.where("a"), world.told], ["redis", []]);
    world.away = false;
    await world.keeper.turn();
    assert.deepEqual([world.where("a"), world.told], ["", ["n1:a null"]]);
  });

  test("of very many entries goes in pieces, beside others", async () => {
    const world = new World();
    const ids = Array.from({ length: 1_200 }, (_, index) => `e${index}`);
    await world.hold(...ids);
    const all = world.keeper.invalidate(eventOf({ tenant: "demo" }));
    await Promise.all([all, world.keeper.invalidate(eventOf({ tenant: "demo" })), world.keeper.turn()]);
    assert.equal(new Set(world.told).size, 1_200);
    assert.equal(world.told.length, 1_200);
    assert.ok(ids.every((id) => world.where(id) === ""));
  });
});

describe("a turn", () => {
  test("takes away what has expired and what was evicted", async () => {
    const world = new World();
    await world.hold("evicted");
    world.index.evicted = world.index.entries.splice(0);
    world.index.entries = [entryOf({ entry_id: "old", expires_ms: START_MS }), entryOf({ entry_id: "new" })];
    await world.keeper.turn();
    assert.deepEqual(world.told, ["n1:evicted null", "n1:old null"]);
    assert.deepEqual([world.where("evicted"), world.where("new")], ["", "index"]);
    assert.deepEqual(world.removed, ["1 evicted", "1 expired"]);
  });

  test("of who does not lead keeps what has just expired, and tells nobody", async () => {
    const world = new World();
    world.leads = false;
    world.keeper.expired(entryOf({ entry_id: "stale" }));
    world.index.entries = [
      entryOf({ entry_id: "old", expires_ms: START_MS - 10 * MINUTE_MS }),
      entryOf({ entry_id: "now", expires_ms: START_MS }),
    ];
    await world.keeper.turn();
    assert.deepEqual([world.told, world.index.entries.map(({ entry_id }) => entry_id)], [[], ["now"]]);
    world.leads = true;
    await world.keeper.turn();
    assert.deepEqual(world.told, ["n1:now null"]);
  });

  test("of the leader takes from the topic what had expired before it was read", async () => {
    const world = new World();
    world.caught_up = false;
    world.keeper.expired(entryOf({ entry_id: "stale" }));
    world.keeper.expired(entryOf({ entry_id: "anew" }));
    await world.keeper.turn();
    assert.deepEqual(world.told, []);
    await world.hold("anew");
    world.caught_up = true;
    await world.keeper.turn();
    await world.keeper.turn();
    assert.deepEqual(world.told, ["n1:stale null"]);
  });

  test("restores the answers where Redis was emptied, once the view is whole", async () => {
    const world = new World();
    world.caught_up = false;
    await world.keeper.turn();
    assert.equal(world.restored, 0);
    world.caught_up = true;
    await world.keeper.turn();
    await world.keeper.turn();
    assert.equal(world.restored, 1);
    world.answers.lose();
    await world.keeper.turn();
    assert.equal(world.restored, 2);
  });

  test("comes every minute, also after one that failed, and at once when it is called for; not after the end", async () => {
    const world = new World();
    const turns = (): number => world.index.swept_ms.length;
    world.keeper.start();
    world.keeper.start();
    await pass(world.clock, 6_000);
    assert.equal(turns(), 1);
    world.away = true;
    await pass(world.clock, 2 * MINUTE_MS);
    assert.equal(turns(), 3);
    world.away = false;
    world.answers.lose();
    world.keeper.gone();
    world.keeper.gone();
    await pass(world.clock, 1_000);
    assert.deepEqual([turns(), world.restored], [4, 2]);
    world.keeper.gone();
    await pass(world.clock, 8_000);
    assert.equal(turns(), 4);
    const stopped = world.keeper.stop();
    await pass(world.clock, 10 * MINUTE_MS);
    await stopped;
    assert.equal(turns(), 4);
  });
});
