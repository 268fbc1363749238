/**
 * Beats in Redis: one hash, a field for each process, every command on that one key, so that a cluster keeps all in one slot.
 * A process that died without a word leaves its field behind: readers pass over it, and whoever starts or reads takes it away.
 */
import type { ChainableCommander, Redis } from "ioredis";
import type { Beat, BeatStore, Sample } from "../beats/beat.ts";
import { pipelineReplies, withRedis } from "./client.ts";

/** The braces make a hash tag: the slot stays the same whatever the prefix. */
export const BEATS_KEY = "{beats}";

/** A field without a sign for so many times its time to live is taken away; until then a clock that goes wrong only hides it. */
const REMOVE_AFTER = 6;
/** The whole hash goes when nothing beats any more. */
const KEY_TTL_MS = 3_600_000;

/** As kept: samples by their name, to say each name once. */
type Kept = Omit<Beat, "samples"> & {
  readonly samples: Readonly<Record<string, readonly [Sample["labels"], number][]>>;
};

type Commands = Pick<Redis, "pipeline" | "hgetall">;

export class RedisBeatStore implements BeatStore {
  readonly #redis: Commands;
  readonly #ttl_ms: number;
  #swept = false;

  /** @param ttl_ms a process that has been silent for so long counts as gone. */
  constructor(redis: Commands, ttl_ms: number) {
    this.#redis = redis;
    this.#ttl_ms = ttl_ms;
  }

  async write(beat: Beat): Promise<void> {
    const field = fieldOf(beat.service, beat.instance);
    await this.#all((pipeline) => pipeline.hset(BEATS_KEY, field, encodeBeat(beat)).pexpire(BEATS_KEY, KEY_TTL_MS));
    if (this.#swept) return;
    // Each process that starts clears up once, so that the hash stays small where nobody reads.
    this.#swept = true;
    await this.all(beat.at_ms);
  }

  async all(now_ms: number): Promise<readonly Beat[]> {
    const kept = await withRedis(() => this.#redis.hgetall(BEATS_KEY));
    const beats: Beat[] = [];
    const over: string[] = [];
    for (const [field, text] of Object.entries(kept)) {
      const beat = decodeBeat(text);
      const silent_ms = beat === undefined ? Number.POSITIVE_INFINITY : now_ms - beat.at_ms;
      if (beat !== undefined && silent_ms < this.#ttl_ms) beats.push(beat);
      else if (silent_ms > this.#ttl_ms * REMOVE_AFTER) over.push(field);
    }
    if (over.length > 0) await this.#all((pipeline) => pipeline.hdel(BEATS_KEY, ...over));
    return beats;
  }

  async remove(service: string, instance: string): Promise<void> {
    await this.#all((pipeline) => pipeline.hdel(BEATS_KEY, fieldOf(service, instance)));
  }

  async #all(commands: (pipeline: ChainableCommander) => ChainableCommander): Promise<void> {
    await withRedis(async () => pipelineReplies(await commands(this.#redis.pipeline()).exec()));
  }
}

function fieldOf(service: string, instance: string): string {
  return `${service}/${instance}`;
}

/** For tests and the store. */
export function encodeBeat({ samples, ...rest }: Beat): string {
  const by_name = new Map<string, [Sample["labels"], number][]>();
  for (const { name, labels, value } of samples) {
    const values = by_name.get(name) ?? [];
    values.push([labels, value]);
    by_name.set(name, values);
  }
  const kept: Kept = { ...rest, samples: Object.fromEntries(by_name) };
  return JSON.stringify(kept);
}

/** Undefined for what is no beat, such as one of another version. */
export function decodeBeat(text: string): Beat | undefined {
  try {
    const { samples, ...rest } = JSON.parse(text) as Kept;
    const list = Object.entries(samples).flatMap(([name, values]) =>
      values.map(([labels, value]) => ({ name, labels, value })),
    );
    return typeof rest.at_ms === "number" && Array.isArray(rest.tiers) ? { ...rest, samples: list } : undefined;
  } catch {
    return undefined;
  }
}
