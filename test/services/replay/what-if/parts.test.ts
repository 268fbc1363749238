/** The small parts of a what-if: virtual time, order of arrival, order of writing, typical calls. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Replayed } from "../../../../services/replay/contract.ts";
import { knownOf } from "../../../../services/replay/what-if/known.ts";
import { inOrderOfArrival } from "../../../../services/replay/what-if/merging.ts";
import { Outbox } from "../../../../services/replay/what-if/outbox.ts";
import { Timeline } from "../../../../services/replay/what-if/timeline.ts";
import { Typical } from "../../../../services/replay/what-if/typical.ts";
import { type RecordedInput, recordedOf } from "./fixture.ts";

describe("virtual time", () => {
  test("does what is due in its order, and what a task asks for in the past at once", async () => {
    const timeline = new Timeline();
    const done: string[] = [];
    timeline.at(20, () => void done.push(`b ${timeline.now_ms()}`));
    timeline.at(10, () => {
      done.push("a");
      timeline.at(5, () => void done.push(`late ${timeline.now_ms()}`));
    });
    timeline.at(20, async () => void done.push("c"));
    timeline.at(20, () => void done.push("never")).cancel();
    timeline.at(21, () => void done.push("after"));
    await timeline.passTo(20);
    assert.deepEqual(done, ["a", "late 10", "b 20", "c"]);
    assert.equal(timeline.next_ms, 21);
    await timeline.passTo(5);
    assert.equal(timeline.now_ms(), 20);
  });
});

describe("the order of arrival", () => {
  const laneOf = (partition: number, times: readonly (number | undefined)[], chunk: number) => ({
    source: { topic: "t", partition },
    chunks: (async function* () {
      const items = times.map((at_ms, offset) => ({
        offset,
        ...(at_ms === undefined ? {} : { recorded: recordedOf({ id: `${partition}-${offset}`, at_ms }) }),
      }));
      for (let at = 0; at < items.length; at += chunk) {
        yield { source: { topic: "t", partition }, items: items.slice(at, at + chunk) };
      }
    })(),
  });

  test("goes by time over partitions, by offset within one; what is left out comes with what stood before it", async () => {
    for (const chunk of [1, 2, 10]) {
      const seen: string[] = [];
      const lanes = [laneOf(0, [1, undefined, 7, 3], chunk), laneOf(1, [2, 7, undefined], chunk), laneOf(2, [], chunk)];
      for await (const { source, item } of inOrderOfArrival(lanes)) seen.push(`${source.partition}-${item.offset}`);
      assert.deepEqual(seen, ["0-0", "0-1", "1-0", "0-2", "0-3", "1-1", "1-2"]);
    }
  });
});

describe("the order of writing", () => {
  const source = { topic: "t", partition: 0 };
  const replayed = (response: string): Replayed => ({
    ...{ recorded: recordedOf({ id: "a" }), fate: "reused", calls: 0, cost_nusd: 0 },
    result: {
      head: { id: "a", tenant: "demo", status: "succeeded", timing: {} },
      response: Buffer.from(response),
    },
  });

  test("is the source's, whatever is known first", () => {
    const outbox = new Outbox();
    const first = outbox.add(source, 0);
    const second = outbox.add(source, 1);
    outbox.pass(source, 4);
    outbox.settle(source, second, replayed("x"));
    assert.deepEqual(outbox.take(1), []);
    assert.ok(outbox.bytes > 0);
    outbox.settle(source, first, undefined);
    assert.deepEqual(outbox.take(4), []);
    const [taken] = outbox.take(1);
    assert.deepEqual(
      taken?.items.map(({ offset }) => offset),
      [0, 1, 4],
    );
    assert.equal(outbox.bytes, 0);
  });

  test("ends the wait that holds back most", () => {
    const outbox = new Outbox();
    const given_up: number[] = [];
    for (const partition of [0, 1]) {
      const slot = outbox.add({ topic: "t", partition }, 0);
      slot.giveUp = () => given_up.push(partition);
      const behind = outbox.add({ topic: "t", partition }, 1);
      outbox.settle({ topic: "t", partition }, behind, replayed("x".repeat(1 + partition)));
    }
    assert.equal(outbox.giveUp(), true);
    assert.deepEqual(given_up, [1]);
    assert.equal(new Outbox().giveUp(), false);
  });
});

describe("typical calls", () => {
  const typicalOf = (inputs: readonly RecordedInput[]): Typical => {
    const typical = new Typical();
    for (const input of inputs) {
      const known = knownOf(recordedOf(input), 1_000);
      if (known !== undefined) typical.add(known);
    }
    return typical;
  };

  test("take as long as the tier's answers of such a length, else as its answers, else as any", () => {
    const typical = typicalOf([
      { id: "a", tokens: [1, 10], took_ms: 100 },
      { id: "b", tokens: [1, 11], took_ms: 300 },
      { id: "c", tokens: [1, 12], took_ms: 200 },
      { id: "d", tokens: [1, 1_000], took_ms: 9_000 },
      { id: "e", tokens: [1, 5], took_ms: 50, cache: "exact" },
      { id: "f", tier: "large", tokens: [1, 4], took_ms: 5 },
    ]);
    const small = { tier: "small", batched: false };
    assert.equal(typical.duration_ms(small, 15), 200);
    assert.equal(typical.duration_ms(small, 900), 9_000);
    assert.equal(typical.duration_ms(small, 100), 200);
    assert.equal(typical.duration_ms({ tier: "huge", batched: false }, 4), 5);
    assert.equal(typical.completion_tokens({ tier: "large", batched: false }), 4);
    assert.equal(typical.lag_ms, 2);
    assert.equal(new Typical().duration_ms(small, 1), 0);
  });
});
