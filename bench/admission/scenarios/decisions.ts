/** Decisions a second, beside limits alone and beside the least that a counter costs; and round trips. */
import type { Redis } from "ioredis";
import { closedLoop } from "../../support/load.ts";
import { percentiles } from "../../support/percentiles.ts";
import type { Figure } from "../../support/report.ts";
import { fullAsk, reservations } from "../asks.ts";
import { type Contender, incr, rateLimiterFlexible, sluice } from "../contenders.ts";
import { commandCalls, commandStat } from "../redis-info.ts";
import { countRoundTrips } from "../round-trips.ts";
import { type AdmissionStack, type Scenario, storeOn } from "../stack.ts";

const SHAPES = [
  { batch: 1, callers: 1 },
  { batch: 100, callers: 1 },
  { batch: 100, callers: 4 },
] as const;
type Shape = (typeof SHAPES)[number];

const WARM_UP_MS = 1_000;
const BATCHES_COUNTED = 10;
/** Of what rate-limiter-flexible reaches with the limits alone: the rest is the price of exactness, identity and budgets. */
const RATE_RATIO_MIN = 0.4;

export const decisions: Scenario = {
  name: "decisions",
  summary:
    "decisions a second and time per call, all scopes of limits and budgets; beside rate-limiter-flexible with the limits alone, and INCR",
  seconds: 5,
  async run(bench) {
    const stack = await bench.start();
    const numbers = new Numbers();
    const figures: Figure[] = [];
    for (const batch of [1, 100]) {
      bench.say(`counting round trips of batches of ${batch}`);
      figures.push(await roundTrips(stack, batch, numbers));
    }
    const connections = new Map<Contender, Redis>();
    for (const contender of [sluice, rateLimiterFlexible, incr])
      connections.set(contender, await stack.connect("contender"));
    for (const shape of SHAPES) {
      const results: Measured[] = [];
      for (const [contender, redis] of connections) {
        bench.say(`${contender.name}: ${nameOf(shape)} for ${bench.seconds} s`);
        results.push(await measure(contender, redis, { ...shape, numbers, duration_ms: bench.seconds * 1_000 }));
      }
      figures.push(...compared(nameOf(shape), results));
    }
    return figures;
  },
};

/** Every request is a new one. */
class Numbers {
  #next = 0;

  /** @returns the first of `count` that follow each other. */
  take(count: number): number {
    this.#next += count;
    return this.#next - count;
  }
}

function nameOf({ batch, callers }: Shape): string {
  return `batches of ${batch}, ${callers === 1 ? "one after the other" : `${callers} at a time`}`;
}

async function roundTrips(stack: AdmissionStack, batch: number, numbers: Numbers): Promise<Figure> {
  const proxy = await countRoundTrips(stack.url);
  try {
    const store = storeOn(await stack.connect("counted", proxy.url));
    const reserve = async () => {
      const first = numbers.take(batch);
      reservations(await store.reserve(Array.from({ length: batch }, (_, at) => fullAsk(first + at, Date.now()))));
    };
    // The connection's first call learns which life of the counters it sees, and brings the script.
    await reserve();
    let most = 0;
    for (let done = 0; done < BATCHES_COUNTED; done += 1) {
      const before = proxy.count();
      await reserve();
      most = Math.max(most, proxy.count() - before);
    }
    return {
      name: `round trips of a batch of ${batch}, the most of ${BATCHES_COUNTED}`,
      value: most,
      unit: "",
      target: { at_most: 1 },
    };
  } finally {
    proxy.stop();
  }
}

type Measured = {
  readonly name: string;
  readonly decisions_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Of Redis's only thread, for one decision. */
  readonly redis_us: number;
  /** Within scripts, for one decision. */
  readonly redis_commands: number;
};

async function measure(
  { name, commands, prepare }: Contender,
  redis: Redis,
  how: Shape & { readonly numbers: Numbers; readonly duration_ms: number },
): Promise<Measured> {
  const { batch, callers, numbers, duration_ms } = how;
  const call = prepare(redis);
  let failure: unknown;
  const shot = async () => {
    await call(numbers.take(batch), batch).catch((error: unknown) => {
      failure ??= error;
    });
    return true;
  };
  await closedLoop(callers, WARM_UP_MS, shot);
  await redis.config("RESETSTAT");
  const { sent, elapsed_ms, latencies_ms } = await closedLoop(callers, duration_ms, shot);
  if (failure !== undefined) throw failure;
  const info = await redis.info("commandstats");
  const stats = commands.map((command) => commandStat(info, command));
  const outer = stats.reduce((sum, { calls }) => sum + calls, 0);
  const redis_us = stats.reduce((sum, { us }) => sum + us, 0);
  const { p50, p99 } = percentiles(latencies_ms);
  return {
    name,
    decisions_per_s: (sent * batch * 1_000) / elapsed_ms,
    p50_ms: p50,
    p99_ms: p99,
    redis_us: redis_us / (sent * batch),
    redis_commands: (commandCalls(info) - outer) / (sent * batch),
  };
}

function compared(shape: string, [own, peer, floor]: readonly Measured[]): Figure[] {
  if (own === undefined || peer === undefined || floor === undefined) return [];
  const against = (other: Measured, name: string, unit: string, of: (measured: Measured) => number): Figure => ({
    name: `${shape}: ${name}`,
    value: of(own),
    unit,
    beside: { name: other.name, value: of(other) },
  });
  return [
    {
      ...against(peer, "decisions a second", "/s", (measured) => measured.decisions_per_s),
      target: { at_least: RATE_RATIO_MIN * peer.decisions_per_s },
    },
    against(floor, "decisions a second", "/s", (measured) => measured.decisions_per_s),
    against(peer, "p50 per call", "ms", (measured) => measured.p50_ms),
    against(peer, "p99 per call", "ms", (measured) => measured.p99_ms),
    against(peer, "Redis's time for a decision", "µs", (measured) => measured.redis_us),
    against(peer, "Redis's commands for a decision", "", (measured) => measured.redis_commands),
  ];
}
