/** Runs are compared: `run` in, `comparison` out. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unavailable } from "../../../../libs/shared/errors.ts";
import type { Shadow, ShadowRun } from "../../../../libs/shared/events/shadow.ts";
import { type ComparingDeps, createComparingHandler } from "../../../../services/router/checks/handler.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, inRecord, jsonCodec, MemoryPublisher, NAMES } from "../../../support/memory-ports.ts";

const shadow: Shadow = {
  kind: "cache_check",
  name: "cache",
  tenant: "demo",
  id: "r1",
  entry_id: "e",
  probability: 0.9,
};
const runOf = (original: string | undefined, text: string | undefined, more: Partial<ShadowRun> = {}): ShadowRun => ({
  kind: "run",
  shadow,
  at_ms: 1,
  status: "succeeded",
  ...(original === undefined ? {} : { original: { cost_usd: 0, text: original } }),
  run: { cost_usd: 0.01, ...(text === undefined ? {} : { text }) },
  ...more,
});

/** As near as their first letters are. */
const embed = async (texts: readonly string[]) =>
  texts.map((text) => Float32Array.from(text.startsWith("a") ? [1, 0] : [0, 1]));

function setUp(more: Partial<ComparingDeps> = {}) {
  const publisher = new MemoryPublisher();
  const ends: string[] = [];
  const asked: number[] = [];
  const handler = createComparingHandler({
    codec: jsonCodec,
    publisher,
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    clock: new VirtualClock(5),
    embedder: {
      embed(texts) {
        asked.push(texts.length);
        return embed(texts);
      },
    },
    refuses: () => undefined,
    similarity_min: 0.8,
    ended: (run, end) => ends.push(`${run.shadow.id} ${end}`),
    ...more,
  });
  const handle = (...values: readonly object[]) =>
    handler(
      values.map((value, offset) => inRecord(value, { topic: NAMES.shadow, offset, headers: { traceparent: "t" } })),
      { isAssigned: () => true, stopping: new AbortController().signal },
    );
  return { publisher, ends, asked, handle };
}

describe("a run", () => {
  test("is compared with its original; the comparison is keyed by the original request", async () => {
    const { publisher, ends, handle } = setUp();
    await handle(runOf("a cat", "a dog"));
    assert.deepEqual(publisher.values(NAMES.shadow), [
      {
        kind: "comparison",
        shadow,
        at_ms: 5,
        original: { cost_usd: 0, text: "a cat" },
        run: { cost_usd: 0.01, text: "a dog" },
        same: true,
        similarity: 1,
      },
    ]);
    assert.deepEqual([publisher.records[0]?.key, publisher.records[0]?.headers], ["demo/r1", { traceparent: "t" }]);
    assert.deepEqual(ends, ["r1 same"]);
  });

  test("that says something else differs", async () => {
    const { publisher, ends, handle } = setUp();
    await handle(runOf("a cat", "no"));
    assert.deepEqual(
      publisher.values(NAMES.shadow).map(({ same, differs_by }) => [same, differs_by]),
      [[false, "meaning"]],
    );
    assert.deepEqual(ends, ["r1 different"]);
  });

  test("all of a batch are embedded in one go, equal ones not at all", async () => {
    const { publisher, asked, handle } = setUp();
    await handle(runOf("a cat", "A  CAT"), runOf("a", "b"), runOf("b", "both"));
    assert.deepEqual(asked, [4]);
    assert.deepEqual(
      publisher.values(NAMES.shadow).map(({ same }) => same),
      [true, false, true],
    );
  });

  test("that did not succeed, or whose original is not known, is only counted", async () => {
    const { publisher, ends, handle } = setUp();
    await handle(runOf("a", undefined, { status: "rejected" }), runOf(undefined, "a"), runOf("a", undefined));
    assert.deepEqual(publisher.records, []);
    assert.deepEqual(ends, ["r1 not_succeeded", "r1 original_unknown", "r1 not_succeeded"]);
  });

  test("without embeddings is compared by its words", async () => {
    const { publisher, handle } = setUp({ embedder: undefined });
    await handle(runOf("The cat sat.", "sat the cat"), runOf("yes", "no"));
    assert.deepEqual(
      publisher.values(NAMES.shadow).map(({ same }) => same),
      [true, false],
    );
  });

  test("waits for the embeddings when they are away: nothing is published or counted", async () => {
    const away = { embed: () => Promise.reject(unavailable("redis", new Error("away"))) };
    const { publisher, ends, handle } = setUp({ embedder: away });
    await assert.rejects(handle(runOf("a", "b")), { retryable: true });
    assert.deepEqual([publisher.records, ends], [[], []]);
  });
});

describe("what else is on the topic", () => {
  test("comparisons and kinds of later versions are passed over", async () => {
    const { publisher, ends, handle } = setUp();
    const comparison = {
      kind: "comparison",
      shadow,
      at_ms: 1,
      original: { cost_usd: 0 },
      run: { cost_usd: 0 },
      same: true,
      similarity: 1,
    };
    await handle(comparison, { kind: "verdict", shadow, at_ms: 1 });
    assert.deepEqual([publisher.records, ends], [[], []]);
  });

  test("what cannot be read costs one dead letter, and the rest goes on", async () => {
    const { publisher, handle } = setUp();
    await handle({ kind: "run" }, runOf("a", "a"));
    const [letter] = publisher.records.filter(({ topic }) => topic === NAMES.dlq);
    assert.equal(letter?.headers?.["sluice-error-code"], "event_invalid");
    assert.equal(publisher.values(NAMES.shadow).length, 1);
  });
});
