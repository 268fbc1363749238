/** The index against a plain model of it, and what its bounds, expiry and selectors do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cosine } from "../../../../../libs/shared/embedding/quantized.ts";
import type { IndexedEntry } from "../../../../../services/router/cache/contract.ts";
import { MemoryIndex } from "../../../../../services/router/cache/index/memory-index.ts";
import { UNSKETCHED_MAX } from "../../../../../services/router/cache/index/namespace.ts";

const DIMENSIONS = 64;
const NOW_MS = 1_000;
const OPEN = { entries_max: 100_000, tenant_entries_max: 100_000, dimensions: DIMENSIONS };

function entry(entry_id: string, changes: Partial<IndexedEntry> = {}): IndexedEntry {
  return {
    entry_id,
    namespace: "n",
    tenant: "t",
    text: `question ${entry_id}`,
    created_ms: 0,
    expires_ms: NOW_MS * 10,
    request_id: "r",
    tier: "small",
    model: "m",
    cost_usd: 0.1,
    ...changes,
  };
}

/** Uniform in [-127, 127], the same for the same seed. */
function vectorOf(seed: number): Int8Array {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  return Int8Array.from({ length: DIMENSIONS }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * 255) - 127;
  });
}

/** The vector with some of its components another's. */
function near(vector: Int8Array, seed: number, changed: number): Int8Array {
  const other = vectorOf(seed);
  return vector.map((value, at) => (at < changed ? (other[at] as number) : value));
}

const ids = (entries: readonly IndexedEntry[]): string[] => entries.map(({ entry_id }) => entry_id);

test("an entry is known by its namespace and id, and since when", () => {
  const index = new MemoryIndex(OPEN);
  index.put(entry("a", { created_ms: 5 }));
  index.put(entry("a", { created_ms: 6, namespace: "other" }));
  const made = (namespace: string, entry_id = "a") => index.times({ namespace, entry_id })?.created_ms;
  assert.deepEqual([made("n"), made("other"), made("third"), made("n", "b")], [5, 6, undefined, undefined]);
});

describe("the nearest entries", () => {
  test("are those of a full comparison, in a namespace of few", () => {
    const index = new MemoryIndex(OPEN);
    const vectors = Array.from({ length: UNSKETCHED_MAX }, (_, at) => vectorOf(at));
    for (const [at, vector] of vectors.entries()) index.put(entry(`e${at}`, { vector }));
    const question = vectorOf(9_999);
    const all = vectors.map((vector, at) => ({ id: `e${at}`, similarity: cosine(vector, question) }));
    const expected = all.sort((left, right) => right.similarity - left.similarity).slice(0, 5);
    const found = index.nearest("n", question, 5, NOW_MS);
    assert.deepEqual(
      found.map(({ entry: { entry_id } }) => entry_id),
      expected.map(({ id }) => id),
    );
    for (const [at, { similarity }] of found.entries()) {
      assert.ok(Math.abs(similarity - (expected[at]?.similarity ?? 0)) < 1e-6);
    }
  });

  test("of a namespace of many hold every entry that is really near", () => {
    const index = new MemoryIndex(OPEN);
    const questions = Array.from({ length: 50 }, (_, at) => vectorOf(50_000 + at));
    for (let at = 0; at < 5_000; at += 1) index.put(entry(`far${at}`, { vector: vectorOf(at) }));
    for (const [at, question] of questions.entries()) {
      index.put(entry(`near${at}`, { vector: near(question, 90_000 + at, 16) }));
    }
    for (const [at, question] of questions.entries()) {
      assert.equal(index.nearest("n", question, 4, NOW_MS)[0]?.entry.entry_id, `near${at}`);
    }
  });

  test("are found among entries that are all alike", () => {
    const index = new MemoryIndex(OPEN);
    for (let at = 0; at < 1_000; at += 1) index.put(entry(`e${at}`, { vector: vectorOf(1) }));
    const found = index.nearest("n", vectorOf(1), 4, NOW_MS);
    assert.equal(found.length, 4);
    for (const { similarity } of found) assert.ok(similarity > 0.9999);
  });

  test("are of the namespace asked for and no other", () => {
    const index = new MemoryIndex(OPEN);
    index.put(entry("a", { namespace: "one", vector: vectorOf(1) }));
    index.put(entry("a", { namespace: "two", vector: vectorOf(1), tenant: "u" }));
    assert.deepEqual(
      index.nearest("one", vectorOf(1), 4, NOW_MS).map(({ entry: { tenant } }) => tenant),
      ["t"],
    );
    assert.deepEqual(index.nearest("three", vectorOf(1), 4, NOW_MS), []);
    index.remove("one", "a");
    assert.deepEqual(index.nearest("one", vectorOf(1), 4, NOW_MS), []);
    assert.equal(index.nearest("two", vectorOf(1), 4, NOW_MS).length, 1);
  });

  test("bring their vector and their question back, and none that has expired", () => {
    const index = new MemoryIndex(OPEN);
    const kept = entry("kept", { vector: vectorOf(1) });
    index.put(kept);
    index.put(entry("gone", { vector: vectorOf(1), expires_ms: NOW_MS }));
    assert.deepEqual(
      index.nearest("n", vectorOf(1), 4, NOW_MS).map((found) => found.entry),
      [kept],
    );
  });

  test("are none for a vector of another model, and none of entries that have such a vector", () => {
    const index = new MemoryIndex(OPEN);
    index.put(entry("other", { vector: new Int8Array(DIMENSIONS * 2).fill(3) }));
    assert.equal(index.size, 1);
    assert.deepEqual(index.nearest("n", vectorOf(1), 4, NOW_MS), []);
    assert.deepEqual(index.nearest("n", new Int8Array(3), 4, NOW_MS), []);
  });
});

describe("an index without an embedding model", () => {
  test("keeps entries, and finds none by meaning", () => {
    const index = new MemoryIndex({ ...OPEN, dimensions: 0 });
    for (let at = 0; at < 300; at += 1) index.put(entry(`e${at}`, { vector: vectorOf(at) }));
    index.put(entry("empty", { vector: new Int8Array(0) }));
    assert.equal(index.size, 301);
    assert.deepEqual(index.nearest("n", new Int8Array(0), 4, NOW_MS), []);
  });
});

describe("what the index keeps", () => {
  const step = fc.record({
    put: fc.boolean(),
    id: fc.integer({ min: 0, max: 400 }),
    namespace: fc.constantFrom("a", "a", "a", "b"),
    seed: fc.nat(1_000),
  });

  test("is what was put and not removed, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1_500, size: "max" }), (steps) => {
        const index = new MemoryIndex(OPEN);
        const model = new Map<string, IndexedEntry>();
        for (const { put, id, namespace, seed } of steps) {
          const one = entry(`e${id}`, { namespace, vector: vectorOf(seed * 1_000 + id) });
          const key = `${namespace} ${id}`;
          if (put) {
            index.put(one);
            model.set(key, one);
          } else {
            index.remove(namespace, `e${id}`);
            model.delete(key);
          }
        }
        assert.equal(index.size, model.size);
        for (const kept of model.values()) {
          const found = index.nearest(kept.namespace, kept.vector as Int8Array, 4, NOW_MS);
          assert.ok(found.some(({ entry: { entry_id } }) => entry_id === kept.entry_id));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("is bounded: what was used longest ago goes, and the next sweep tells of it once", () => {
    const index = new MemoryIndex({ ...OPEN, entries_max: 3 });
    for (const id of ["a", "b", "c"]) index.put(entry(id, { vector: vectorOf(1) }));
    index.used("n", "a");
    index.put(entry("d"));
    index.put(entry("e"));
    assert.equal(index.size, 3);
    assert.deepEqual(ids(index.sweep(NOW_MS)), ["b", "c"]);
    assert.deepEqual(index.sweep(NOW_MS), []);
  });

  test("is bounded for each tenant: one never pushes out another's", () => {
    const index = new MemoryIndex({ ...OPEN, tenant_entries_max: 2 });
    index.put(entry("mine", { tenant: "other" }));
    for (const id of ["a", "b", "c", "d"]) index.put(entry(id));
    assert.equal(index.size, 3);
    assert.deepEqual(ids(index.sweep(NOW_MS)), ["a", "b"]);
  });

  test("goes when it has expired, at the sweep", () => {
    const index = new MemoryIndex(OPEN);
    index.put(entry("a", { expires_ms: 500 }));
    index.put(entry("b", { expires_ms: 1_500 }));
    assert.deepEqual(ids(index.sweep(500)), ["a"]);
    assert.equal(index.size, 1);
  });

  test("goes when a selector means it: all that is given must hold", () => {
    const index = new MemoryIndex(OPEN);
    index.put(entry("a", { label: "docs", created_ms: 10, vector: vectorOf(1) }));
    index.put(entry("b", { label: "docs", created_ms: 20, vector: vectorOf(2) }));
    index.put(entry("c", { label: "docs", created_ms: 99 }));
    index.put(entry("d", { created_ms: 10, text: "another thing" }));
    assert.deepEqual(ids(index.removeMatching({ namespace: "docs", before_ms: 20 }, 50)), ["a"]);
    assert.deepEqual(ids(index.removeMatching({ pattern: "an.ther" }, 50)), ["d"]);
    assert.deepEqual(ids(index.removeMatching({ tenant: "t" }, 50)), ["b"]);
    assert.equal(index.size, 1);
  });
});
