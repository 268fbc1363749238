/** What a job causes, by its end: outcomes, rounds, dead letters, and what the ledger keeps of it (I1 to I3). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isRetryable, unavailable } from "../../../libs/shared/errors.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { headLineOf } from "../../../libs/shared/redis/attempt-entry.ts";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { answered, jobOf, LATENCY_MS, OK } from "./fixture.ts";
import { REQUEST, World } from "./handler-fixture.ts";

const JOB = jobOf();
const ERROR = answered(500, "{}");
const REPLY_TO = { "sluice-reply-to": "gateway-1" };
const entry = (world: World): string => headLineOf(world.store.entry(JOB));

describe("a job that succeeds", () => {
  test("is one outcome with the answer, its cost and its headers, and done in the ledger", async () => {
    const world = new World([OK]);
    world.backend.waited_ms = { limit: 40 };
    await world.run();
    const { status, response, usage, route, timing } = world.outcome;
    assert.deepEqual(
      [status, response],
      ["succeeded", { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }],
    );
    assert.deepEqual([usage?.cost_usd, usage?.estimated], [5 / 1e6, false]);
    assert.deepEqual([route.attempts, route.model, route.endpoint], [1, "m1", "e1"]);
    assert.deepEqual(
      [timing.waited_ms, timing.dispatched, timing.completed],
      [{ limit: 40 }, START_MS, START_MS + LATENCY_MS],
    );
    assert.equal(world.publisher.records[0]?.headers?.["traceparent"], "t");
    assert.deepEqual([world.ends, entry(world)], [["published"], "P"]);
  });

  test("passes on where its answer goes in the cache, and whether it is whole", async () => {
    const fill = { entry_id: "e", namespace: "n", ttl_ms: 1_000, store: true };
    const whole = answered(200, { choices: [{ finish_reason: "stop", message: { content: "yes" } }] });
    const complete = async (reply: typeof OK, job: object): Promise<unknown[]> => {
      const world = new World([reply]);
      await world.run({ job });
      const outcome = world.outcome as { readonly fill?: unknown; readonly complete?: unknown };
      return [outcome.fill, outcome.complete];
    };
    assert.deepEqual(await complete(whole, { fill }), [fill, true]);
    assert.deepEqual(await complete(OK, { fill }), [fill, false]);
    assert.deepEqual(await complete(whole, {}), [undefined, undefined]);
    assert.deepEqual(await complete(answered(400, "{}"), { fill }), [fill, undefined]);
  });

  test("and comes again is not called again", async () => {
    const world = new World([OK]);
    await world.run();
    await world.run();
    assert.deepEqual([world.model.calls.length, world.ends], [1, ["published", "repeated"]]);
    assert.equal(world.publisher.records.length, 1);
  });

  test("and whose outcome could not be published is published later, without a call", async () => {
    const world = new World([OK]);
    const publish = world.publisher.publish.bind(world.publisher);
    world.publisher.publish = () => Promise.reject(unavailable("kafka", new Error("no leader")));
    await assert.rejects(world.run(), isRetryable);
    assert.match(entry(world), /^A /);
    world.publisher.publish = publish;
    await world.run({}, world.handler("b"));
    assert.deepEqual([world.model.calls.length, world.outcome.status, world.ends], [1, "succeeded", ["republished"]]);
    assert.deepEqual([world.outcome.timing.completed, entry(world)], [START_MS + LATENCY_MS, "P"]);
  });

  test("streams its tokens: the stream ends with the outcome", async () => {
    const chunk = JSON.stringify({ choices: [{ index: 0, delta: { content: "hi" }, finish_reason: "stop" }] });
    const world = new World([
      ERROR,
      (call) => {
        call.onEvent?.(chunk);
        return answered(200, "");
      },
    ]);
    await world.run({ request: { tenant: "demo", body: { messages: [], stream: true } } });
    assert.deepEqual(world.streamed, ["start 1", "start 2", "token", "succeeded"]);
    assert.equal(world.outcome.status, "succeeded");
  });
});

describe("a job that fails", () => {
  test("for good is an outcome alone", async () => {
    const world = new World([answered(400, { error: { message: "too long" } })]);
    await world.run();
    const { status, error, route } = world.outcome;
    assert.deepEqual(
      [status, error?.code, error?.message, route.attempts],
      ["failed", "provider_rejected", "too long", 1],
    );
    assert.deepEqual([world.publisher.records.length, world.ends, entry(world)], [1, ["published"], "P"]);
  });

  test("for now goes another round instead of to an outcome; that round is not taken for a repeat", async () => {
    const world = new World([ERROR, ERROR, OK], { rounds_max: 1, attempts_max: 2 });
    await world.run();
    const [retry, ...others] = world.publisher.records;
    assert.deepEqual(others, []);
    assert.deepEqual([retry?.topic, retry?.value], [NAMES.retry("5s"), REQUEST]);
    assert.equal(retry?.headers?.["sluice-error-code"], "provider_error");
    assert.deepEqual([world.ends, entry(world)], [["redelivered"], "L 0 2 0"]);
    await world.run();
    assert.deepEqual([world.ends.at(-1), world.model.calls.length], ["repeated", 2]);
    assert.match(retry?.headers?.["sluice-trail"] ?? "", / retry:provider_error$/);
    await world.run({ headers: { "sluice-round": "1", "sluice-attempts": retry?.headers?.["sluice-attempts"] ?? "" } });
    assert.deepEqual(
      [world.ends.at(-1), world.outcome.status, world.outcome.route.attempts],
      ["published", "succeeded", 3],
    );
    const told = world.outcome.trace?.attempts.map(({ outcome, status }) => [outcome, status]);
    assert.deepEqual(
      told,
      [
        ["provider_error", 500],
        ["provider_error", 500],
        ["ok", undefined],
      ],
      "of both rounds",
    );
    assert.equal(world.publisher.records.at(-1)?.headers?.["sluice-attempts"], undefined, "they are in the outcome");
  });

  test("in its last round too is an outcome and a dead letter", async () => {
    const world = new World([ERROR], { rounds_max: 1 });
    const record = world.record({ headers: { "sluice-round": "1" } });
    await world.run({ headers: { "sluice-round": "1" } });
    assert.deepEqual([world.outcome.status, world.outcome.error?.code], ["failed", "provider_error"]);
    const [letter] = world.to(NAMES.dlq);
    assert.deepEqual([letter?.value, letter?.headers?.["sluice-error-code"]], [record.value, "provider_error"]);
    assert.deepEqual([world.ends, entry(world)], [["dead_letter"], "P"]);
  });

  test("while its caller waits is an outcome alone, with the wait that the provider asks for", async () => {
    const world = new World([answered(429, "{}", 700)], { rounds_max: 3 });
    await world.run({ headers: REPLY_TO });
    assert.deepEqual([world.outcome.error?.code, world.outcome.error?.retry_after_ms], ["provider_rate_limited", 700]);
    assert.deepEqual([world.publisher.records.length, world.ends], [1, ["published"]]);
  });

  test("and has no time for another round is an outcome alone: it could only expire", async () => {
    const world = new World([ERROR], { rounds_max: 3, attempts_max: 1 });
    await world.run({ job: { deadline_ms: 2_000 } });
    assert.deepEqual([world.outcome.status, world.publisher.records.length], ["failed", 1]);
  });

  test("with an unknown answer is for a person where the settings say so: no further call, an outcome and a dead letter", async () => {
    const world = new World([{ kind: "timeout" }, OK], { on_unknown: "quarantine", rounds_max: 3 });
    await world.run();
    assert.deepEqual([world.outcome.error?.code, world.to(NAMES.dlq).length], ["provider_timeout", 1]);
    assert.deepEqual([world.model.calls.length, world.store.totals.unknown_calls, world.ends], [1, 1, ["dead_letter"]]);
  });

  test("as a stream after its first token is charged by what was received, and its stream ends", async () => {
    const chunk = JSON.stringify({ choices: [{ index: 0, delta: { content: "x".repeat(400) } }] });
    const world = new World([
      (call) => {
        call.onEvent?.(chunk);
        return { kind: "broken", message: "reset" };
      },
    ]);
    await world.run({ request: { tenant: "demo", body: { messages: [], stream: true } } });
    const { status, error, usage } = world.outcome;
    assert.deepEqual([status, error?.code, usage?.estimated], ["failed", "provider_stream_broken", true]);
    assert.ok((usage?.cost_usd ?? 0) >= 100 / 1e6);
    assert.deepEqual([world.model.calls.length, world.streamed.at(-1)], [1, "failed"]);
  });
});

describe("a crash", () => {
  const dispatchedBy = (run: string): string => `D ${run} 1 0 ${START_MS}`;

  test("during the call: counted once and called again, at the price of one more in the totals", async () => {
    const world = new World([OK]);
    world.store.set(JOB, dispatchedBy("dead.1"));
    await world.run();
    assert.deepEqual([world.outcome.status, world.outcome.route.attempts], ["succeeded", 2]);
    assert.deepEqual(world.store.totals, { unknown_calls: 1, duplicate_nusd: 5_000 });
  });

  test("during the call, where a person decides: an outcome and a dead letter, no call", async () => {
    const world = new World([OK], { on_unknown: "quarantine" });
    world.store.set(JOB, dispatchedBy("dead.1"));
    await world.run();
    assert.deepEqual([world.outcome.status, world.outcome.error?.code], ["failed", "attempt_unknown"]);
    assert.equal(world.to(NAMES.dlq)[0]?.headers?.["sluice-error-code"], "attempt_unknown");
    assert.deepEqual([world.model.calls.length, world.ends, entry(world)], [0, ["dead_letter"], "P"]);
  });
});

describe("a job that another run takes", () => {
  /** While the first call is under way, another worker takes the job; it publishes later. */
  function taken(world: World): void {
    world.clock.after(LATENCY_MS / 2, () => {
      world.store.alive.add("b");
      world.store.set(JOB, `D b.1 2 1 ${START_MS + 60_000}`);
    });
    world.clock.after(5_000, () => world.store.set(JOB, "P"));
  }

  test("is seen through while it is still ours: nothing of ours is published", async () => {
    const world = new World([OK]);
    taken(world);
    await world.run();
    assert.deepEqual([world.ends, world.publisher.records], [["fenced", "repeated"], []]);
    assert.equal(world.model.calls.length, 1);
  });

  test("is left at once when it is no longer ours", async () => {
    const world = new World([OK]);
    taken(world);
    await world.run({ isAssigned: () => false });
    assert.deepEqual([world.ends, world.publisher.records], [["fenced"], []]);
    assert.equal(world.clock.now_ms(), START_MS + LATENCY_MS);
  });
});

describe("a job that nobody wants any more", () => {
  const cancel = (world: World): void =>
    world.cancellations.apply({ kind: "cancel", tenant: "demo", id: "r1", at_ms: world.clock.now_ms() });

  test("before its call is cancelled without one", async () => {
    const world = new World([OK]);
    cancel(world);
    await world.run();
    assert.deepEqual([world.outcome.status, world.outcome.error?.code], ["cancelled", "cancelled"]);
    assert.deepEqual([world.model.calls.length, world.ends, entry(world)], [0, ["published"], "P"]);
  });

  test("during its call: the call is given up", async () => {
    const world = new World([OK]);
    world.clock.after(10, () => cancel(world));
    await world.run();
    assert.deepEqual([world.outcome.status, world.model.calls.length], ["cancelled", 1]);
    assert.equal(world.outcome.timing.completed, START_MS + 10);
  });

  test("between two calls: the next one is not made", async () => {
    const world = new World([ERROR, OK]);
    world.clock.after(LATENCY_MS + 1, () => cancel(world));
    await world.run();
    assert.deepEqual([world.outcome.status, world.model.calls.length], ["cancelled", 1]);
  });

  test("because its deadline has passed is expired without a call", async () => {
    const world = new World([OK]);
    await world.run({ job: { deadline_ms: 0 } });
    assert.deepEqual([world.outcome.status, world.outcome.error?.code], ["expired", "deadline_exceeded"]);
    assert.deepEqual([world.model.calls.length, world.outcome.route.attempts], [0, 0]);
  });
});

describe("a service that stops", () => {
  test("gives back what waits, unpublished, to whoever comes next", async () => {
    const world = new World([ERROR, OK]);
    const stopping = new AbortController();
    world.clock.after(LATENCY_MS + 1, () => stopping.abort());
    await assert.rejects(world.run({ stopping: stopping.signal }), isRetryable);
    assert.deepEqual([world.publisher.records, world.ends], [[], []]);
    await world.run({}, world.handler("b"));
    assert.deepEqual([world.outcome.status, world.outcome.route.attempts], ["succeeded", 2]);
    assert.ok(world.clock.now_ms() < START_MS + 1_000, "it was not waited for");
  });

  test("ends a call that is under way", async () => {
    const world = new World([OK]);
    const stopping = new AbortController();
    world.clock.after(1, () => stopping.abort());
    await world.run({ stopping: stopping.signal });
    assert.equal(world.outcome.status, "succeeded");
  });
});

describe("when most would be dead letters", () => {
  test("jobs are held, and go on when the fault has passed", async () => {
    const world = new World([ERROR, ERROR, ERROR, OK], { guard_window: 2, attempts_max: 1 });
    const handler = world.handler();
    await world.run({ job: { id: "r0" } }, handler);
    assert.deepEqual(world.ends, ["dead_letter"], "the window is not full");
    await world.run({}, handler);
    assert.deepEqual(world.ends, ["dead_letter", "published"]);
    assert.ok(world.clock.now_ms() >= START_MS + 60_000, "held for two pauses: the first trial failed");
    const [, held] = world.publisher.values(NAMES.outcomes);
    assert.equal(held?.["status"], "succeeded");
    assert.equal(world.model.calls.length, 4);
  });

  test("a job that is held has no call under way: a crash then is no unknown answer", async () => {
    const world = new World([ERROR], { guard_window: 1, attempts_max: 1 });
    const stopping = new AbortController();
    const handled = world.handler()([world.record()], { isAssigned: () => true, stopping: stopping.signal });
    await world.clock.run(() => false, START_MS + 10_000);
    assert.match(entry(world), /^R a\.1 1 0 /);
    stopping.abort();
    await assert.rejects(world.settled(handled), isRetryable);
  });

  test("a held job still expires, and can be cancelled", async () => {
    const world = new World([ERROR], { guard_window: 1, attempts_max: 1 });
    await world.run({ job: { deadline_ms: 10_000 } });
    assert.deepEqual([world.outcome.status, world.outcome.timing.completed], ["expired", START_MS + 10_000]);
    const held = new World([ERROR], { guard_window: 1, attempts_max: 1 });
    held.clock.after(5_000, () =>
      held.cancellations.apply({ kind: "cancel", tenant: "demo", id: "r1", at_ms: START_MS }),
    );
    await held.run();
    assert.deepEqual([held.outcome.status, held.outcome.timing.completed], ["cancelled", START_MS + 5_000]);
  });
});

describe("an event of the wrong shape", () => {
  const rows: readonly (readonly [what: string, value: Buffer | string | null, code: string])[] = [
    ["no value", null, "value_missing"],
    ["no JSON", "hello", "not_json"],
    ["no job", '{"id":"r1"}', "event_invalid"],
    ["no request", JSON.stringify(jobOf()), "event_invalid"],
  ];
  for (const [what, value, code] of rows) {
    test(`${what} is a dead letter: ${code}`, async () => {
      const world = new World([OK]);
      const record: InRecord = inRecord(value);
      await world.settled(
        world.handler()([record], { isAssigned: () => true, stopping: new AbortController().signal }),
      );
      const [letter] = world.publisher.records;
      assert.deepEqual([letter?.topic, letter?.headers?.["sluice-error-code"]], [NAMES.dlq, code]);
      assert.deepEqual([letter?.value, world.ends], [record.value, ["dead_letter"]]);
    });
  }
});
