/** What an outcome says of calls that may be billed though their answers are unknown (I4). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { NAMES } from "../../support/memory-ports.ts";
import { answered, jobOf, LATENCY_MS, OK } from "./fixture.ts";
import { World } from "./handler-fixture.ts";

const JOB = jobOf();
const ERROR = answered(500, "{}");
const dispatchedBy = (run: string): string => `D ${run} 1 0 ${START_MS}`;

describe("what the provider may have billed", () => {
  const cancelled = (world: World): void =>
    world.cancellations.apply({ kind: "cancel", tenant: "demo", id: "r1", at_ms: world.clock.now_ms() });
  const told = ({ outcome }: World) => [outcome.error?.code, outcome.unknown_calls, outcome.usage === undefined];

  test("travels in the outcome as its number of calls, where nothing else tells what they cost", async () => {
    const world = new World([{ kind: "timeout" }, ERROR, { kind: "unreachable", message: "reset", sent: true }], {
      attempts_max: 3,
    });
    await world.run();
    assert.deepEqual(told(world), ["provider_unreachable", 2, true]);
  });

  test("is counted on from round to round", async () => {
    const world = new World([{ kind: "timeout" }, ERROR], { rounds_max: 1, attempts_max: 1 });
    await world.run();
    assert.equal(world.to(NAMES.outcomes).length, 0);
    const [record] = world.publisher.records;
    assert.equal(record?.headers?.["sluice-unknown-calls"], "1", "for whoever ends it before its next round");
    await world.run({ headers: { "sluice-round": "1" } });
    assert.deepEqual(told(world), ["provider_error", 1, true]);
  });

  test("is kept when the deadline passes or the request is cancelled afterwards", async () => {
    const late = new World([{ kind: "timeout" }], { attempts_max: 9, random: 1 });
    await late.run({ job: { deadline_ms: LATENCY_MS + 50 } });
    assert.deepEqual(told(late), ["deadline_exceeded", 1, true]);
    const world = new World([{ kind: "timeout" }, OK]);
    world.clock.after(LATENCY_MS + 1, () => cancelled(world));
    await world.run();
    assert.deepEqual(told(world), ["cancelled", 1, true]);
  });

  for (const [what, answer] of [
    ["an answer that nobody can use", answered(200, "<html>")],
    ["one that is too large", { kind: "too_large", bytes_max: 9 }],
    ["a stream that broke before any text", { kind: "broken", message: "reset" }],
  ] as const) {
    test(`is ${what}`, async () => {
      const world = new World([answer], { attempts_max: 1 });
      await world.run();
      assert.equal(world.outcome.unknown_calls, 1);
    });
  }

  test("is a call that was given up, but not one that was never sent", async () => {
    const given_up = new World([OK]);
    given_up.clock.after(10, () => cancelled(given_up));
    await given_up.run();
    assert.deepEqual(told(given_up), ["cancelled", 1, true]);
    const unsent = new World([OK]);
    const swap = unsent.store.swap.bind(unsent.store);
    unsent.store.swap = async (asked) => {
      const seen = await swap(asked);
      if (asked.next.toString().startsWith("D ")) cancelled(unsent);
      return seen;
    };
    await unsent.run();
    assert.deepEqual(told(unsent), ["cancelled", undefined, true]);
    assert.equal(unsent.model.calls.length, 0);
  });

  test("is a stream's text when it was given up: charged by estimate, and not unknown", async () => {
    const chunk = JSON.stringify({ choices: [{ index: 0, delta: { content: "x".repeat(400) } }] });
    const world = new World([
      (call) => {
        call.onEvent?.(chunk);
        return { kind: "aborted" };
      },
    ]);
    await world.run({ request: { tenant: "demo", body: { messages: [], stream: true } } });
    assert.deepEqual(told(world), ["cancelled", undefined, false]);
    assert.equal(world.store.totals.unknown_calls, 0);
  });

  test("is nothing where every answer is known", async () => {
    for (const reply of [answered(400, "{}"), ERROR, { kind: "unreachable", message: "refused" } as const]) {
      const world = new World([reply], { attempts_max: 1 });
      await world.run();
      assert.equal(world.outcome.unknown_calls, undefined);
    }
  });

  test("is told with the hold that it concerns, by a worker's death too", async () => {
    const reservation = { hold_id: "h1", reserved_nusd: 9, tokens: 5, counters: [], at_ms: 1 };
    const world = new World([OK], { on_unknown: "quarantine" });
    world.store.set(JOB, dispatchedBy("dead.1"));
    await world.run({ job: { reservation } });
    assert.deepEqual(told(world), ["attempt_unknown", 1, true]);
    assert.equal(world.outcome.reservation?.hold_id, "h1");
  });
});
