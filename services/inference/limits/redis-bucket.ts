/**
 * The bucket of `scope: shared`: one for all processes, in a Redis hash, moved by one script on the server's clock. `pace.ts` has its
 * arithmetic. A lost hash starts empty: it lets no more through than one that was there.
 */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { LimitSettings } from "../../../libs/shared/config/inference.ts";
import { type RedisClient, withRedis } from "../../../libs/shared/redis/client.ts";
import type { LimitAnswer, LimitStore } from "./limit-store.ts";
import { type Amount, LargestCalls, paceOf } from "./pace.ts";
import { limitsOf } from "./shares.ts";

/** Longer than the longest debt lasts. */
const TTL_MS = 120_000;
/** Processes that were told the same time ask apart: up to this much later, drawn by chance. */
const JITTER_MS = 10;
/** Settlements of this long travel together: some 50 questions a second from a process at the most. */
const GIVE_BACK_DELAY_MS = 20;

/**
 * KEYS: the hash. ARGV: how long it is kept; for requests, then tokens: whether limited (1 or 0), rate per ms, burst, deepest debt, highest
 * level of a refund, what is given back; then requests and tokens of each call. Returns how many calls may go and how long the next one waits.
 */
const SCRIPT = `
local time = redis.call("TIME")
local now_ms = time[1] * 1000 + time[2] / 1000
local was = redis.call("HMGET", KEYS[1], "requests", "tokens", "at_ms")
local elapsed_ms = math.max(0, now_ms - (tonumber(was[3]) or now_ms))
local limited, per_ms, burst, debt, level = {}, {}, {}, {}, {}
for d = 1, 2 do
  local at = 2 + (d - 1) * 6
  limited[d] = ARGV[at] == "1"
  per_ms[d] = tonumber(ARGV[at + 1])
  burst[d] = tonumber(ARGV[at + 2])
  debt[d] = tonumber(ARGV[at + 3])
  local filled = math.min(burst[d], (tonumber(was[d]) or 0) + elapsed_ms * per_ms[d])
  level[d] = math.min(filled + tonumber(ARGV[at + 5]), math.max(filled, tonumber(ARGV[at + 4])))
end
local granted, wait_ms = 0, 0
for call = 14, #ARGV, 2 do
  for d = 1, 2 do
    if limited[d] and tonumber(ARGV[call + d - 1]) > 0 and level[d] < -1e-6 then
      wait_ms = math.max(wait_ms, 1, math.ceil(-level[d] / per_ms[d]))
    end
  end
  if wait_ms > 0 then break end
  for d = 1, 2 do level[d] = level[d] - tonumber(ARGV[call + d - 1]) end
  granted = granted + 1
end
for d = 1, 2 do level[d] = limited[d] and math.max(-debt[d], level[d]) or 0 end
redis.call("HSET", KEYS[1], "requests", string.format("%.6f", level[1]), "tokens", string.format("%.6f", level[2]),
  "at_ms", string.format("%.3f", now_ms))
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return {granted, wait_ms}`;

type LimitCommands = { sluiceLimit(key: string, ...args: (string | number)[]): Promise<[number, number]> };

export type RedisLimitsOptions = {
  readonly settings: LimitSettings;
  /** One bucket each: see `limitKey`. */
  readonly key: string;
  readonly clock: Clock;
  readonly random: () => number;
};

export function limitKey(tier: string): string {
  return `limit:${tier}`;
}

/** Throws (retryable) while Redis is away. */
export class RedisLimits implements LimitStore {
  readonly give_back_delay_ms = GIVE_BACK_DELAY_MS;
  readonly #redis: LimitCommands;
  readonly #options: RedisLimitsOptions;
  readonly #largest = new LargestCalls();
  #share = 1;

  constructor(redis: RedisClient, options: RedisLimitsOptions) {
    redis.defineCommand("sluiceLimit", { lua: SCRIPT, numberOfKeys: 1 });
    this.#redis = redis as unknown as LimitCommands;
    this.#options = options;
  }

  get tokens_per_minute(): number | undefined {
    return limitsOf(this.#options.settings, this.#share).tokens;
  }

  /** Changes nothing in the bucket, which is one for all; only what this process's calls in flight may use beyond their charges. */
  setShare(share: number): void {
    this.#share = share;
  }

  async ask(calls: readonly Amount[], back: Amount): Promise<LimitAnswer> {
    const now_ms = this.#options.clock.now_ms();
    const { requests, tokens } = limitsOf(this.#options.settings, 1);
    // Before they are granted: the wait that is told then holds for the rate that follows.
    for (const call of calls) this.#largest.note(now_ms, call);
    const largest = this.#largest.at(now_ms);
    const [granted, wait_ms] = await withRedis(() =>
      this.#redis.sluiceLimit(
        this.#options.key,
        TTL_MS,
        ...dimension(requests, largest.requests, back.requests),
        ...dimension(tokens, largest.tokens, back.tokens),
        ...calls.flatMap((call) => [call.requests, call.tokens]),
      ),
    );
    return { granted, wait_ms: wait_ms === 0 ? 0 : wait_ms + JITTER_MS * this.#options.random() };
  }
}

function dimension(limit: number | undefined, largest: number, back: number): number[] {
  const { per_ms, burst, debt_max, refunded_max } = paceOf(limit ?? 0, largest);
  return [limit === undefined ? 0 : 1, per_ms, burst, debt_max, refunded_max, back];
}
