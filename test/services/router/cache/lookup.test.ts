/** The cache by layers: what answers, what is said of what does not, and that no tenant's answer reaches another (I5). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import { decodeVector } from "../../../../libs/shared/embedding/quantized.ts";
import type { IndexedEntry } from "../../../../services/router/cache/contract.ts";
import { answerOf, CacheWorld, entryOf, HOUR_MS } from "./fixture.ts";

const near = (similarity: number, more: Partial<IndexedEntry> = {}) => ({ entry: entryOf(more), similarity });

describe("an exact answer", () => {
  test("comes from Redis first, then out of memory, and counts as used", async () => {
    const world = new CacheWorld();
    await world.keep();
    const hit = await world.lookUp();
    assert.deepEqual(hit, { kind: "hit", how: "exact", answer: answerOf() });
    assert.deepEqual([await world.lookUp({ id: "r2" }), world.round_trips], [hit, 1]);
    assert.deepEqual([world.used, world.local.size], [["e1", "e1"], 1]);
  });

  test("is none once its time is over, in memory and in Redis", async () => {
    const world = new CacheWorld();
    const expires_ms = world.clock.now_ms() + 1_000;
    await world.keep({ expires_ms });
    assert.equal((await world.lookUp()).kind, "hit");
    await world.pass(1_000);
    assert.equal((await world.lookUp()).kind, "miss");
    const late = new CacheWorld();
    late.answers.look = async (asked) =>
      asked.map(({ lead }) => ({ answer: answerOf({ expires_ms: 1 }), leader: lead && "r1" }));
    assert.equal((await late.lookUp()).kind, "miss");
  });

  test("of another tenant is none, whatever it is called", async () => {
    const world = new CacheWorld();
    await world.keep({}, "other");
    assert.equal((await world.lookUp({ tenant: "other" })).kind, "hit");
    assert.equal((await world.lookUp()).kind, "miss");
  });

  test("that was removed while it was asked for does not stay in memory", async () => {
    const world = new CacheWorld();
    await world.keep();
    const asked = world.lookUp();
    world.local.remove([{ tenant: "demo", entry_id: "e1" }]);
    assert.equal((await asked).kind, "hit");
    assert.equal(world.local.size, 0);
  });

  test("is looked for by nobody where the settings say so; without it nobody waits either", async () => {
    const world = new CacheWorld({ settings: cacheSchema.parse({ exact: { enabled: false } }) });
    await world.keep();
    const [first, second] = await Promise.all([world.lookUp(), world.lookUp({ id: "r2" })]);
    assert.deepEqual([first.kind, second.kind, world.round_trips], ["miss", "miss", 0]);
  });

  test("that the index knows and Redis has lost is noticed, unless its time is over", async () => {
    const world = new CacheWorld();
    world.near = [near(1, { entry_id: "e1" }), near(1, { entry_id: "over", expires_ms: world.clock.now_ms() })];
    await world.lookUp({ entry_id: "over" });
    assert.deepEqual(world.seen, []);
    assert.equal((await world.lookUp()).kind, "miss");
    assert.deepEqual(world.seen, ["gone"]);
  });

  test("away with Redis is an error, for the record to be tried again", async () => {
    const world = new CacheWorld();
    world.away = true;
    await assert.rejects(world.lookUp());
  });
});

describe("an answer by meaning", () => {
  const asked = { text: "question" };

  test("is the likeliest of the nearest, with what was looked at", async () => {
    const world = new CacheWorld();
    world.near = [near(0.99, { entry_id: "a", text: "a" }), near(0.98, { entry_id: "b", text: "b" }), near(0.9)];
    world.judged.set("a", 0.91).set("b", 0.95).set("near", "numbers");
    await world.keep({ entry_id: "a" });
    await world.keep({ entry_id: "b" });
    const hit = await world.lookUp(asked);
    assert.deepEqual(hit, {
      ...{ kind: "hit", how: "semantic", answer: answerOf({ entry_id: "b" }), similarity: 0.98, probability: 0.95 },
      evidence: {
        candidates: [
          { entry: "a", similarity: 0.99, probability: 0.91 },
          { entry: "b", similarity: 0.98, probability: 0.95 },
          { entry: "e2", similarity: 0.9, probability: 0, rejected_by: "numbers" },
        ],
        threshold: 0.9,
      },
    });
    assert.deepEqual([world.used, world.seen], [["b"], ["rejected by numbers"]]);
  });

  test("is not for a request that was sent before it was delivered again: its call is under way", async () => {
    const world = new CacheWorld();
    assert.equal((await world.lookUp(asked)).kind, "miss");
    world.near = [near(0.99, { entry_id: "a", text: "a" })];
    await world.keep({ entry_id: "a" });
    assert.equal((await world.lookUp(asked)).kind, "miss");
    const other = await world.lookUp({ ...asked, id: "r2" });
    assert.equal(other.kind === "hit" && other.how, "semantic");
  });

  test("needs the stricter of the tenant's threshold and the request's", async () => {
    const world = new CacheWorld();
    world.near = [near(1)];
    await world.keep({ entry_id: "e2" });
    world.judged.set("near", 0.93);
    assert.equal((await world.lookUp({ ...asked, threshold: 0.1 })).kind, "hit");
    const miss = await world.lookUp({ ...asked, threshold: 0.95 });
    const candidates = [{ entry: "e2", similarity: 1, probability: 0.93, rejected_by: "threshold" }];
    assert.deepEqual([miss.kind, miss.evidence], ["miss", { candidates, threshold: 0.95 }]);
  });

  test("is none where nothing is promised, and the evidence says what was near", async () => {
    const world = new CacheWorld();
    world.near = [near(1)];
    world.threshold = undefined;
    await world.keep({ entry_id: "e2" });
    const candidates = [{ entry: "e2", similarity: 1, probability: 1, rejected_by: "threshold" }];
    assert.deepEqual((await world.lookUp({ ...asked, threshold: 0 })).evidence, { candidates });
  });

  test("that is gone from Redis gives way to the next one, and is noticed", async () => {
    const world = new CacheWorld();
    world.near = [near(1, { entry_id: "a" }), near(1, { entry_id: "b" })];
    const miss = await world.lookUp(asked);
    assert.deepEqual(
      [miss.kind, miss.evidence?.candidates.map(({ rejected_by }) => rejected_by)],
      ["miss", ["gone", "gone"]],
    );
    assert.deepEqual(world.seen, ["gone", "gone", "rejected by gone", "rejected by gone"]);
    await world.keep({ entry_id: "b" });
    const hit = await world.lookUp({ ...asked, id: "r2", entry_id: "e7" });
    assert.deepEqual([hit.kind, hit.kind === "hit" && hit.answer.entry_id], ["hit", "b"]);
  });

  test("is looked for at so many entries at the most", async () => {
    const world = new CacheWorld({ settings: cacheSchema.parse({ semantic: { candidates_max: 2 } }) });
    world.near = [near(1, { entry_id: "a" }), near(1, { entry_id: "b" }), near(1, { entry_id: "c" })];
    assert.equal((await world.lookUp(asked)).evidence?.candidates.length, 2);
  });

  test("is not looked for without text; without an embedder, or with one that is away, it is a miss", async () => {
    const world = new CacheWorld();
    world.near = [near(1)];
    await world.keep({ entry_id: "e2" });
    assert.equal((await world.lookUp()).kind, "miss");
    assert.deepEqual(world.embedder.texts, []);
    world.embedder.away = true;
    const miss = await world.lookUp({ ...asked, entry_id: "e7" });
    assert.deepEqual([miss.kind, world.seen], ["miss", ["not embedded"]]);
    // What was not embedded is found by an equal request alone.
    assert.deepEqual(miss.kind === "miss" && miss.fill, {
      ...{ entry_id: "e7", namespace: "n1", ttl_ms: HOUR_MS, store: true },
    });
  });

  test("never crosses a tenant or a namespace, whatever the index gives back", async () => {
    const strange = fc.record({
      tenant: fc.constantFrom("demo", "other", "Demo", "demo "),
      namespace: fc.constantFrom("n1", "n2"),
      entry_id: fc.constantFrom("e1", "e2", "e3"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(strange, { maxLength: 4 }), async (entries) => {
        const world = new CacheWorld();
        world.near = entries.map((entry) => near(1, entry));
        for (const { entry_id, tenant } of entries) {
          await world.keep({ entry_id, model: `${tenant}'s` }, tenant);
        }
        const found = await world.lookUp({ ...asked, entry_id: "e9" });
        const mine = entries.some(({ tenant, namespace }) => tenant === "demo" && namespace === "n1");
        assert.equal(found.kind, mine ? "hit" : "miss");
        if (found.kind === "hit") assert.equal(found.answer.model, "demo's");
        for (const { entry } of found.evidence?.candidates ?? []) {
          assert.ok(entries.some((one) => one.entry_id === entry && one.tenant === "demo" && one.namespace === "n1"));
        }
      }),
    );
  });
});

describe("a miss", () => {
  test("says where the answer goes, with the question and its vector", async () => {
    const world = new CacheWorld();
    const miss = await world.lookUp({ text: "question", label: "faq" });
    assert.ok(miss.kind === "miss" && miss.fill !== undefined);
    const { embedding, ...fill } = miss.fill;
    assert.deepEqual(fill, {
      ...{ entry_id: "e1", namespace: "n1", label: "faq", text: "question", embedding_model: "mini" },
      ...{ ttl_ms: HOUR_MS, store: true },
    });
    assert.deepEqual(decodeVector(embedding ?? "", 2), Int8Array.of(127, 0));
    assert.deepEqual([miss.vector, miss.evidence], [Float32Array.of(1, 0), undefined]);
  });

  test("of who keeps nothing says nothing of it", async () => {
    const world = new CacheWorld();
    assert.deepEqual(await world.lookUp({ writes: false }), { kind: "miss" });
  });

  test("of many different ones at once is few round trips", async () => {
    const world = new CacheWorld();
    const asked = Array.from({ length: 200 }, (_, index) => world.lookUp({ id: `r${index}`, entry_id: `e${index}` }));
    const found = await Promise.all(asked);
    assert.ok(found.every(({ kind }) => kind === "miss"));
    assert.ok(world.round_trips <= 4, String(world.round_trips));
  });
});
