/**
 * Words that there may be something new of a request: one Redis connection in subscriber mode hears them for all streams of the process,
 * on a channel for each request that is followed. Streams of one request share its channel, which is given up with the last of them.
 *
 * - Words can be lost: while the connection is away none comes. When it is back, everything is subscribed to again and everybody is
 *   woken; besides, each is woken once every `look_ms`.
 * - What was asked of Redis is compared with what is wanted, once for all changes of a moment: a burst of new streams is one command,
 *   and a command that failed is made up for by the next.
 */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { GatewaySettings } from "../../../libs/shared/config/gateway.ts";
import { SluiceError, unavailable } from "../../../libs/shared/errors.ts";
import type { RedisClient } from "../../../libs/shared/redis/client.ts";
import { wakeChannel } from "../../../libs/shared/redis/request-events.ts";
import type { Following, Wakes } from "./contract.ts";
import { LookWheel } from "./look-wheel.ts";

/** A connection that may be subscribed to more than this. */
export type Subscription = Pick<RedisClient, "on" | "off" | "subscribe" | "unsubscribe">;

export type WakesOptions = {
  readonly settings: Pick<GatewaySettings["streams"], "open_max" | "look_ms">;
  /** Of the connections with which services write: channels have no prefix of their own. */
  readonly key_prefix: string;
  readonly clock: Clock;
};

type Follower = { readonly wake: () => void };
type Channel = {
  readonly followers: Set<Follower>;
  /** Resolves when Redis sends its words for the first time. */
  readonly heard: PromiseWithResolvers<void>;
  is_heard: boolean;
};

/** Channels in one command. */
const CHANNELS_MAX = 1_000;

export class RedisWakes implements Wakes {
  readonly #subscription: Subscription;
  readonly #options: WakesOptions;
  readonly #looks: LookWheel;
  /** By name: those that somebody follows. */
  readonly #channels = new Map<string, Channel>();
  /** Those that Redis may send words of, as far as is known here. */
  readonly #asked = new Set<string>();
  /** Those to be compared. */
  readonly #changed = new Set<string>();
  #count = 0;
  #comparing = false;
  readonly #onMessage = (name: string): void => this.#wake(name);
  readonly #onReady = (): void => this.#again();

  constructor(subscription: Subscription, options: WakesOptions) {
    this.#subscription = subscription;
    this.#options = options;
    this.#looks = new LookWheel(options.clock, options.settings.look_ms);
    subscription.on("message", this.#onMessage);
    subscription.on("ready", this.#onReady);
  }

  get count(): number {
    return this.#count;
  }

  /** Whether one more can be followed. */
  get full(): boolean {
    return this.#count >= this.#options.settings.open_max;
  }

  async follow(tenant: string, id: string, wake: () => void): Promise<Following> {
    if (this.full) {
      const message = `${this.#count} streams are open already (gateway.streams.open_max)`;
      throw new SluiceError("dependency_unavailable", message, { retryable: true });
    }
    const name = wakeChannel(this.#options.key_prefix, tenant, id);
    const channel = this.#open(name);
    const follower: Follower = { wake };
    channel.followers.add(follower);
    this.#count += 1;
    const endLooks = this.#looks.add(() => {
      this.#schedule();
      wake();
    });
    const close = (): void => {
      if (!channel.followers.delete(follower)) return;
      this.#count -= 1;
      endLooks();
      this.#leave(name, channel);
    };
    try {
      await channel.heard.promise;
    } catch (error) {
      close();
      throw unavailable("redis", error);
    }
    return { close };
  }

  /** Wakes nobody any more. The connection stays as it is. */
  stop(): void {
    this.#subscription.off("message", this.#onMessage);
    this.#subscription.off("ready", this.#onReady);
    this.#looks.stop();
  }

  #open(name: string): Channel {
    const there = this.#channels.get(name);
    if (there !== undefined) return there;
    const heard = Promise.withResolvers<void>();
    // Whoever follows hears of a failure; when all have left, nobody does.
    heard.promise.catch(() => undefined);
    const channel: Channel = { followers: new Set(), heard, is_heard: false };
    this.#channels.set(name, channel);
    // Also when Redis still sends the words of one just left: to ask twice is to be told that it does.
    this.#asked.delete(name);
    this.#change(name);
    return channel;
  }

  #leave(name: string, channel: Channel): void {
    if (channel.followers.size > 0 || this.#channels.get(name) !== channel) return;
    this.#channels.delete(name);
    this.#asked.add(name);
    this.#change(name);
  }

  #wake(name: string): void {
    for (const { wake } of [...(this.#channels.get(name)?.followers ?? [])]) wake();
  }

  /** The connection is new. What ioredis subscribes to again by itself it does without a word of success. */
  #again(): void {
    for (const name of this.#asked) this.#changed.add(name);
    for (const name of this.#channels.keys()) {
      this.#asked.delete(name);
      this.#changed.add(name);
    }
    this.#schedule();
  }

  #change(name: string): void {
    this.#changed.add(name);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#comparing || this.#changed.size === 0) return;
    this.#comparing = true;
    setImmediate(() => {
      this.#comparing = false;
      this.#compare();
    });
  }

  #compare(): void {
    const names = [...this.#changed];
    this.#changed.clear();
    const wanted = names.filter((name) => this.#channels.has(name) && !this.#asked.has(name));
    const unwanted = names.filter((name) => !this.#channels.has(name) && this.#asked.has(name));
    for (const some of chunks(wanted)) void this.#subscribe(some);
    for (const some of chunks(unwanted)) void this.#unsubscribe(some);
  }

  async #subscribe(names: readonly string[]): Promise<void> {
    const asked = names.map((name) => [name, this.#channels.get(name)] as const);
    for (const name of names) this.#asked.add(name);
    try {
      await this.#subscription.subscribe(...names);
    } catch (error) {
      for (const [name, channel] of asked) this.#failed(name, channel, error);
      return;
    }
    for (const [name, channel] of asked) {
      if (channel === undefined) continue;
      // For the first time its followers go on to read by themselves.
      if (channel.is_heard) this.#wake(name);
      channel.is_heard = true;
      channel.heard.resolve();
    }
  }

  /** Whoever waits for it is told; those who followed before go on by looks until it works again. */
  #failed(name: string, channel: Channel | undefined, error: unknown): void {
    if (channel?.is_heard === false) {
      channel.heard.reject(error);
      // For whoever comes now, another try.
      if (this.#channels.get(name) === channel) this.#channels.delete(name);
    }
    // It is not known whether Redis did it: what is wanted is asked again, what is not is given up again.
    if (this.#channels.has(name)) this.#asked.delete(name);
    this.#changed.add(name);
  }

  async #unsubscribe(names: readonly string[]): Promise<void> {
    for (const name of names) this.#asked.delete(name);
    try {
      await this.#subscription.unsubscribe(...names);
    } catch {
      for (const name of names) {
        if (!this.#channels.has(name)) this.#asked.add(name);
        this.#changed.add(name);
      }
    }
  }
}

function* chunks(names: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < names.length; start += CHANNELS_MAX) yield names.slice(start, start + CHANNELS_MAX);
}
