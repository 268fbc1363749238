/** The Redis scripts answer as their model in memory does, whatever is asked in whatever order. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Answer, Ask, Needs, RateAsk, Snapshot } from "../../../../../libs/shared/budgets/admission-store.ts";
import { MemoryAdmissionStore } from "../../../../../libs/shared/budgets/memory-store.ts";
import { countersOf } from "../../../../../libs/shared/budgets/scopes.ts";
import type { Reservation } from "../../../../../libs/shared/events/usage.ts";
import { RedisCountersLife } from "../../../../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../../../../libs/shared/redis/admission/redis-store.ts";
import { is_cluster, without_redis } from "../../../../support/redis.ts";
import { askOf, EMPTY_SNAPSHOT, entryOf, needsOf, OPTIONS, rateOf } from "../../budgets/asks.ts";
import { virtualRedis } from "./virtual-redis.ts";

const TENANTS = ["acme", "b"];
const USERS = ["u", "v w"];

const algorithm = fc.constantFrom<RateAsk["algorithm"]>("sliding_window", "token_bucket");
const limit = fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined });
const rate = fc.record({
  requests_per_minute: limit,
  tokens_per_minute: fc.option(fc.integer({ min: 5, max: 200 }), { nil: undefined }),
  requests_per_day: limit,
  burst_s: fc.constantFrom(1, 10, 90),
});
const cap = fc.integer({ min: 10, max: 200 });
/** Of one run: a plan that stands still, as plans mostly do. */
const plan = fc.record({
  algorithm,
  global: rate,
  tenant: rate,
  user: rate,
  key: rate,
  caps_nusd: fc.record({ session: cap, user_day: cap, tenant_day: cap, tenant_month: cap }, { requiredKeys: [] }),
  in_flight_max: limit,
  usd_nusd: fc.integer({ min: 20, max: 200 }),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

const asking = fc.record({
  do: fc.constant("ask" as const),
  tenant: fc.constantFrom(...TENANTS),
  n: fc.nat(25),
  place: fc.nat(9),
  content: fc.nat(9),
  idempotency: fc.option(fc.constantFrom("k", "l"), { nil: undefined, freq: 4 }),
  has_own_id: fc.boolean(),
  reentry: fc.boolean(),
  turn: fc.constantFrom(undefined, "1", "2"),
  defers: fc.boolean(),
  bare: fc.nat(9),
  reserved_nusd: fc.nat(40),
  lower_nusd: fc.option(fc.nat(40), { nil: undefined, freq: 2 }),
  tokens: fc.nat(40),
  user: fc.constantFrom(...USERS, undefined),
  session: fc.constantFrom("s", undefined),
});
const ending = fc.record({
  do: fc.constant("end" as const),
  kind: fc.constantFrom("settled", "settled", "released", "adjusted", "reserved"),
  which: fc.nat(),
  amount: fc.nat(50),
  used: fc.option(fc.nat(50), { nil: undefined }),
  again: fc.boolean(),
});
const other = fc.oneof(
  fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(1, 333, 500, 4_000, 30_000, 61_000) }),
  fc.record({ do: fc.constant("resume" as const) }),
  fc.record({ do: fc.constant("restore" as const) }),
);
const steps = fc.array(
  fc.oneof({ weight: 12, arbitrary: asking }, { weight: 6, arbitrary: ending }, { weight: 4, arbitrary: other }),
  { minLength: 10, maxLength: 70 },
);

function needs(plan: Plan, ask: typeof asking extends fc.Arbitrary<infer T> ? T : never): Needs {
  const of = (scope: "global" | "tenant" | "user" | "key", subject: string) =>
    rateOf({ ...plan[scope], scope, subject, algorithm: plan.algorithm });
  return needsOf({
    reserved_nusd: ask.reserved_nusd,
    ...(ask.lower_nusd !== undefined && ask.lower_nusd < ask.reserved_nusd ? { lower_nusd: ask.lower_nusd } : {}),
    tokens: ask.tokens,
    session: ask.session,
    user: ask.user,
    caps_nusd: plan.caps_nusd,
    in_flight_max: plan.in_flight_max,
    rates: [
      of("tenant", ""),
      of("global", ""),
      of("key", "abc"),
      ...(ask.user === undefined ? [] : [of("user", ask.user)]),
    ],
  });
}

/** What differs between two stores by right. */
function plain(answer: Answer): unknown {
  const hidden = { epoch: "", hold_id: "" };
  if (answer.kind !== "admitted" && answer.kind !== "redelivered") return answer;
  return { ...answer, epoch: "", reservation: { ...answer.reservation, ...hidden } };
}

describe("as in memory", { skip: without_redis }, () => {
  test("any sequence of operations", async () => {
    await fc.assert(
      fc.asyncProperty(plan, steps, async (plan, steps) => {
        let now_ms = Date.now();
        const { redis, setTime } = await virtualRedis([...TENANTS, "rates"]);
        try {
          await setTime(now_ms);
          const model = new MemoryAdmissionStore({
            ...OPTIONS,
            clock: { now_ms: () => now_ms, after: () => assert.fail() },
          });
          const store = new RedisAdmissionStore(redis, OPTIONS);
          const life = new RedisCountersLife(redis, OPTIONS);
          const restore = async (snapshot: readonly [Snapshot, Snapshot]) => {
            await (await model.begin())?.finish(snapshot[0]);
            await (await life.begin())?.finish(snapshot[1]);
          };
          await restore([EMPTY_SNAPSHOT, EMPTY_SNAPSHOT]);
          const admitted: { tenant: string; id: string; pair: [Reservation, Reservation]; epochs: string[] }[] = [];
          let offset = 0;
          for (const step of steps) {
            if (step.do === "ask") {
              const { tenant, n, has_own_id, reentry, turn, defers, idempotency } = step;
              const id = `${has_own_id ? "own" : "made"}${n}`;
              const place = `t 0 ${has_own_id && step.place === 0 ? 99 : n}`;
              const content_hash = step.content === 0 ? "other" : idempotency === undefined ? `hash${id}` : "same";
              const fields = { tenant, has_own_id, place, content_hash, reentry, turn, defers, idempotency };
              const ask: Ask = { ...askOf(id, fields), needs: step.bare === 0 ? undefined : needs(plan, step) };
              // Twice in one batch: the earlier one comes first.
              const [expected, given] = [await model.reserve([ask, ask]), await store.reserve([ask, ask])];
              assert.deepEqual(given.map(plain), expected.map(plain), JSON.stringify(ask));
              const [one, two] = [expected[0], given[0]];
              if (one?.kind === "admitted" && two?.kind === "admitted") {
                const pair: [Reservation, Reservation] = [one.reservation, two.reservation];
                admitted.push({ tenant, id, pair, epochs: [one.epoch, two.epoch] });
              }
            } else if (step.do === "end") {
              const hold = admitted[step.which % Math.max(1, admitted.length)];
              if (hold === undefined) continue;
              offset += step.again ? 0 : 1;
              const applied = [0, 1].map((at) => {
                const reservation = hold.pair[at] as Reservation;
                const entry = entryOf(step.kind, hold.id, reservation, {
                  tenant: hold.tenant,
                  settled_nusd: step.amount,
                  at_ms: now_ms,
                  epoch: hold.epochs[at],
                  content_hash: `hash${hold.id}`,
                  place: "t 0 1",
                  expires_ms: now_ms + 9_000,
                  tokens: { reserved: reservation.tokens, used: step.used },
                });
                const velocity = { window_s: 60, usd_nusd: plan.usd_nusd };
                return {
                  partition: step.which % 2,
                  offset: String(offset),
                  entry,
                  caps_nusd: plan.caps_nusd,
                  velocity,
                };
              });
              const [first, second] = applied;
              if (first === undefined || second === undefined) continue;
              assert.deepEqual(await store.apply([second, second]), await model.apply([first, first]));
            } else if (step.do === "advance") {
              now_ms += step.ms;
              await setTime(now_ms);
            } else if (step.do === "resume") {
              for (const tenant of TENANTS) {
                assert.deepEqual(await store.tripped(tenant), await model.tripped(tenant));
                assert.equal(await store.resume(tenant), await model.resume(tenant));
              }
            } else {
              const at = admitted.slice(0, 3);
              const snapshots = [0, 1].map((which) => snapshotOf(at, which, now_ms, String(offset)));
              await restore(snapshots as [Snapshot, Snapshot]);
            }
            await sameSums(store, model, now_ms);
          }
        } finally {
          redis.disconnect();
        }
      }),
      // A life of a cluster begins in every slot.
      { numRuns: is_cluster ? 2 : 60 },
    );
  });
});

type Admitted = { readonly tenant: string; readonly id: string; readonly pair: readonly [Reservation, Reservation] };

/** As if only these had been let through. */
function snapshotOf(admitted: readonly Admitted[], which: number, now_ms: number, offset: string): Snapshot {
  const holds = admitted.map(({ tenant, id, pair }) => {
    return {
      tenant,
      id,
      reservation: pair[which] as Reservation,
      expires_ms: now_ms + 5_000,
      user: "u",
      key_id: "abc",
    };
  });
  return {
    counters: holds
      .flatMap(({ tenant, reservation }) =>
        tenant === "acme" ? [] : [{ tenant, counter: countersOf({}, now_ms), reserved: reservation.reserved_nusd }],
      )
      .slice(0, 1)
      .flatMap(({ tenant, counter, reserved }) =>
        counter.map((one) => ({ tenant, counter: one, reserved_nusd: reserved, settled_nusd: 7 })),
      ),
    holds: [...new Map(holds.map((hold) => [`${hold.tenant}/${hold.id}`, hold])).values()],
    seen: admitted.map(({ tenant, id }) => {
      return { tenant, id, content_hash: `hash${id}`, place: "t 0 1", settled: id.endsWith("1") };
    }),
    rates: holds.map(({ tenant, reservation, user, key_id }) => {
      return { tenant, user, key_id, at_ms: reservation.at_ms, tokens: reservation.tokens };
    }),
    applied: new Map([[0, offset]]),
  };
}

async function sameSums(store: RedisAdmissionStore, model: MemoryAdmissionStore, now_ms: number): Promise<void> {
  for (const tenant of TENANTS) {
    const counters = [...USERS, undefined].flatMap((user) => countersOf({ user, session: "s" }, now_ms));
    assert.deepEqual(await store.read(tenant, counters), await model.read(tenant, counters));
  }
}
