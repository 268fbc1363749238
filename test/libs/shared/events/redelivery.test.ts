/** Whether a request goes another round, when, and with what. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  decideRedelivery,
  dueOf,
  parseDelay,
  type RedeliveryFacts,
  type RedeliveryPolicy,
  redeliveryFacts,
  redeliveryPolicy,
  retryRecord,
  roundOf,
  unknownCallsOf,
  withUnknownCalls,
} from "../../../../libs/shared/events/redelivery.ts";
import { topicNames } from "../../../../libs/shared/events/topics.ts";

const NOW_MS = 1_800_000_000_000;
const policy = redeliveryPolicy({ rounds_max: 4, age_max_minutes: 60 }, ["5s", "1m", "10m"]);
const facts = (more: Partial<RedeliveryFacts> = {}): RedeliveryFacts => ({
  retryable: true,
  round: 0,
  received_ms: NOW_MS - 1_000,
  has_waiting_caller: false,
  now_ms: NOW_MS,
  ...more,
});
const decide = (more: Partial<RedeliveryFacts> = {}) => decideRedelivery(policy, facts(more));

const anyPolicy: fc.Arbitrary<RedeliveryPolicy> = fc.record({
  rounds_max: fc.nat(6),
  age_max_ms: fc.nat(7_200_000),
  delays: fc
    .array(fc.tuple(fc.integer({ min: 1, max: 90 }), fc.constantFrom("s", "m", "h")), { minLength: 1, maxLength: 5 })
    .map((all) => all.map(([count, unit]) => parseDelay(`${count}${unit}`))),
});
const anyFacts: fc.Arbitrary<RedeliveryFacts> = fc.record({
  retryable: fc.boolean(),
  retry_after_ms: fc.option(fc.nat(3_600_000), { nil: undefined }),
  round: fc.nat(6),
  received_ms: fc.integer({ min: NOW_MS - 7_200_000, max: NOW_MS }),
  deadline_ms: fc.option(fc.integer({ min: NOW_MS - 10_000, max: NOW_MS + 7_200_000 }), { nil: undefined }),
  has_waiting_caller: fc.boolean(),
  now_ms: fc.constant(NOW_MS),
});

describe("a delay", () => {
  test("is a number and a unit", () => {
    assert.deepEqual(
      ["5s", "1m", "10m", "2h"].map((name) => parseDelay(name).delay_ms),
      [5_000, 60_000, 600_000, 7_200_000],
    );
    for (const name of ["", "5", "s", "0s", "5d", "5 s", "-5s", "1.5s"]) {
      assert.throws(() => parseDelay(name), RangeError, name);
    }
  });
});

describe("the decision", () => {
  test("each round takes the next delay, the last one serves all further rounds, then it is over", () => {
    const rounds = [0, 1, 2, 3].map((round) => decide({ round }));
    assert.deepEqual(rounds, [
      { kind: "retry", delay: "5s", due_ms: NOW_MS + 5_000, round: 1 },
      { kind: "retry", delay: "1m", due_ms: NOW_MS + 60_000, round: 2 },
      { kind: "retry", delay: "10m", due_ms: NOW_MS + 600_000, round: 3 },
      { kind: "retry", delay: "10m", due_ms: NOW_MS + 600_000, round: 4 },
    ]);
    assert.deepEqual(decide({ round: 4 }), { kind: "final", why: "rounds" });
  });

  test("a provider that asks for longer gets the next delay that is long enough, the last one at the most", () => {
    const delays = [0, 5_000, 5_001, 60_001, 999_999_999].map((retry_after_ms) => {
      const decision = decide({ retry_after_ms });
      return decision.kind === "retry" ? decision.delay : decision.why;
    });
    assert.deepEqual(delays, ["5s", "5s", "1m", "10m", "10m"]);
  });

  test("a failure that stays, or a caller who holds a connection, ends it at once", () => {
    assert.deepEqual(decide({ retryable: false }), { kind: "final", why: "not_retryable" });
    assert.deepEqual(decide({ has_waiting_caller: true }), { kind: "final", why: "caller_waits" });
  });

  test("nothing waits past its deadline or its age", () => {
    assert.deepEqual(decide({ deadline_ms: NOW_MS + 5_000 }), { kind: "final", why: "deadline" });
    assert.equal(decide({ deadline_ms: NOW_MS + 5_001 }).kind, "retry");
    const age_ms = 3_600_000 - 5_000;
    assert.equal(decide({ received_ms: NOW_MS - age_ms }).kind, "retry");
    assert.deepEqual(decide({ received_ms: NOW_MS - age_ms - 1 }), { kind: "final", why: "age" });
  });

  test("whatever the settings and the facts, a retry keeps every bound", () => {
    fc.assert(
      fc.property(anyPolicy, anyFacts, (any, given) => {
        const decision = decideRedelivery(any, given);
        if (decision.kind === "final") return;
        assert.ok(given.retryable && !given.has_waiting_caller);
        assert.equal(decision.round, given.round + 1);
        assert.ok(decision.round <= any.rounds_max);
        assert.ok(decision.due_ms - given.received_ms <= any.age_max_ms);
        assert.ok(decision.due_ms < (given.deadline_ms ?? Number.POSITIVE_INFINITY));
        const delay = any.delays.find(({ name }) => name === decision.delay);
        assert.equal(decision.due_ms, given.now_ms + (delay?.delay_ms ?? Number.NaN), "due as its topic is, to the ms");
        const last = any.delays.at(-1)?.name;
        assert.ok((delay?.delay_ms ?? 0) >= (given.retry_after_ms ?? 0) || decision.delay === last);
      }),
    );
  });

  test("a request that always fails ends after a bounded number of rounds", () => {
    fc.assert(
      fc.property(anyPolicy, anyFacts, (any, given) => {
        let current = { ...given, round: 0 };
        for (let rounds = 0; ; rounds += 1) {
          assert.ok(rounds <= any.rounds_max);
          const decision = decideRedelivery(any, current);
          if (decision.kind === "final") return;
          current = { ...current, round: decision.round, now_ms: decision.due_ms };
        }
      }),
    );
  });
});

describe("the record", () => {
  const names = topicNames("llm.");
  const record = {
    key: Buffer.from("k"),
    headers: {
      traceparent: "t",
      "sluice-origin": "llm.requests 0 7 1000",
      "sluice-round": "1",
      "sluice-tenant": "demo",
      "sluice-carried-at": "40",
      own: "stays behind",
    },
  };

  test("has the request's bytes and key, what travels, its round and when it is due", () => {
    const request = Buffer.from('{ "tenant":"demo", "body":{} }');
    const decision = decide({ round: roundOf(record.headers) });
    assert.ok(decision.kind === "retry");
    const written = retryRecord(names, record, request, decision, "provider_error");
    assert.equal(written.topic, "llm.retry.1m");
    assert.equal(written.value, request);
    assert.equal(written.key, record.key);
    assert.deepEqual(written.headers, {
      traceparent: "t",
      "sluice-origin": "llm.requests 0 7 1000",
      "sluice-round": "2",
      "sluice-tenant": "demo",
      "sluice-due-ms": String(NOW_MS + 60_000),
      "sluice-error-code": "provider_error",
    });
    assert.deepEqual([roundOf(written.headers ?? {}), dueOf(written.headers ?? {})], [2, NOW_MS + 60_000]);
  });

  test("tells of calls that may be billed, from round to round, and never of fewer", () => {
    const out = { topic: "t", key: "k", value: null };
    const one = withUnknownCalls(out, 1);
    assert.deepEqual(one, { ...out, headers: { "sluice-unknown-calls": "1" } });
    assert.equal(unknownCallsOf(withUnknownCalls(one, 2).headers ?? {}), 2);
    assert.equal(
      unknownCallsOf(withUnknownCalls(one, 0).headers ?? {}),
      1,
      "the ledger of attempts may have forgotten",
    );
    assert.equal(withUnknownCalls(out, 0), out);
    assert.equal(unknownCallsOf({ "sluice-unknown-calls": "-1" }), 0);
  });

  test("headers that make no sense count as none", () => {
    for (const text of ["", "x", "-1", "1.5", "1e3", "99999999999999999999"]) {
      assert.equal(roundOf({ "sluice-round": text }), 0, text);
      assert.equal(dueOf({ "sluice-due-ms": text }), undefined, text);
    }
  });

  test("facts come from a job and its record's headers", () => {
    const job = { timing: { received: 5 }, deadline_ms: 9 };
    const failure = { retryable: true, retry_after_ms: 3 };
    assert.deepEqual(redeliveryFacts({ ...record.headers, "sluice-reply-to": "g" }, job, failure, 7), {
      retryable: true,
      retry_after_ms: 3,
      round: 1,
      received_ms: 5,
      deadline_ms: 9,
      has_waiting_caller: true,
      now_ms: 7,
    });
  });
});
