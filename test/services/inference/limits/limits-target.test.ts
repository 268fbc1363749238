/**
 * The promise in whole: 600 requests and 100,000 tokens a minute, 8 partitions, 3 processes, each with its own limiter. As the
 * provider sees it, no minute holds more than 101 %; under a backlog, 95 % and more are used. In virtual time.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LocalLimits } from "../../../../services/inference/limits/limit-store.ts";
import { RateLimiter } from "../../../../services/inference/limits/rate-limiter.ts";
import { Random } from "../../../../tools/simulate/random.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const MINUTE_MS = 60_000;
const LIMITS = { requests_per_minute: 600, tokens_per_minute: 100_000, scope: "assignment" } as const;
const SHARES = [3 / 8, 3 / 8, 2 / 8];
const NEVER = new AbortController().signal;

type Load = {
  readonly estimated: (random: Random) => number;
  /** The part of the estimate that is used. */
  readonly used: (random: Random) => number;
  readonly latency_ms: (random: Random) => number;
  /** Shares from minute `at` on. */
  readonly shares?: (at: number) => readonly number[];
};

type Arrival = { readonly at_ms: number; readonly tokens: number };

/** Runs a backlog of every partition for some minutes; returns what reached the provider, in its order. */
async function provider(load: Load, minutes: number, seed: number): Promise<Arrival[]> {
  const clock = new VirtualClock();
  const random = new Random(seed);
  const arrivals: Arrival[] = [];
  const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const limiters = SHARES.map(() => new RateLimiter({ store: new LocalLimits(LIMITS, clock), clock }));
  const worker = async (limiter: RateLimiter, partition: string): Promise<void> => {
    for (;;) {
      const tokens = load.estimated(random);
      await limiter.take({ requests: 1, tokens, partition, until_ms: Number.POSITIVE_INFINITY, signal: NEVER });
      const actual = Math.round(tokens * load.used(random));
      // On its way for up to half a second, longer than it takes on any network that works.
      await wait(random.int(1, 500));
      arrivals.push({ at_ms: clock.now_ms(), tokens: actual });
      await wait(load.latency_ms(random));
      limiter.settle(tokens, actual);
    }
  };
  const deal = (at: number): void => {
    const shares = load.shares?.(at) ?? SHARES;
    for (const [process, limiter] of limiters.entries()) limiter.setShare(shares[process] as number);
    clock.after(MINUTE_MS, () => deal(at + 1));
  };
  deal(0);
  for (const limiter of limiters) for (let at = 0; at < 100; at += 1) void worker(limiter, String(at % 3));
  await clock.run(() => false, START_MS + minutes * MINUTE_MS);
  return arrivals;
}

/** The fullest minute, as a part of the limit. */
function fullest(arrivals: readonly Arrival[], limit: number, amount: (one: Arrival) => number): number {
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const one of arrivals) {
    sum += amount(one);
    for (; (arrivals[first] as Arrival).at_ms <= one.at_ms - MINUTE_MS; first += 1)
      sum -= amount(arrivals[first] as Arrival);
    most = Math.max(most, sum);
  }
  return most / limit;
}

async function check(load: Load, minutes = 6): Promise<void> {
  for (const seed of [1, 2, 3]) {
    const arrivals = await provider(load, minutes, seed);
    const requests = fullest(arrivals, 600, () => 1);
    const tokens = fullest(arrivals, 100_000, (one) => one.tokens);
    // After the first minute, in which empty buckets fill and the first answers come.
    const later = arrivals.filter(({ at_ms }) => at_ms >= START_MS + MINUTE_MS);
    const per_minute = (sum: number, limit: number): number => sum / (minutes - 1) / limit;
    const used = Math.max(
      per_minute(later.length, 600),
      per_minute(
        later.reduce((sum, one) => sum + one.tokens, 0),
        100_000,
      ),
    );
    const found = `seed ${seed}: fullest ${requests.toFixed(4)} ${tokens.toFixed(4)}, used ${used.toFixed(4)}`;
    assert.ok(requests <= 1.01 && tokens <= 1.01, found);
    assert.ok(used >= 0.95, found);
  }
}

describe("600 requests and 100,000 tokens a minute, 8 partitions, 3 processes", () => {
  test("small calls: requests are the limit", () =>
    check({
      estimated: (random) => random.int(20, 200),
      used: () => 1,
      latency_ms: (random) => random.int(100, 2_000),
    }));

  test("larger calls, known exactly: tokens are the limit", () =>
    check({
      estimated: (random) => random.int(200, 900),
      used: () => 1,
      latency_ms: (random) => random.int(100, 2_000),
    }));

  test("estimates six times what is used", () =>
    check({
      estimated: (random) => random.int(800, 1_600),
      used: (random) => 0.1 + 0.15 * random.next(),
      latency_ms: (random) => random.int(500, 2_500),
    }));

  test("estimates of 4,096 of which a few hundred are used, and answers that take long", () =>
    check({
      estimated: () => 4_096,
      used: (random) => 0.04 + 0.04 * random.next(),
      latency_ms: (random) => random.int(500, 3_000),
    }));

  test("partitions that move every minute bring no fresh burst", () =>
    check({
      estimated: (random) => random.int(20, 300),
      used: () => 1,
      latency_ms: () => 500,
      shares: (at) =>
        [
          [3 / 8, 3 / 8, 2 / 8],
          [4 / 8, 0, 4 / 8],
          [0, 1, 0],
        ][at % 3] as number[],
    }));
});
