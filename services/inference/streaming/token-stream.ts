/**
 * Writes the tokens of the calls under way to Redis, for whoever follows them. All streams of a process share one writer: what has
 * come meanwhile goes out in one round trip, at most every `flush_ms`, and with it a word for whoever follows (`wakeChannel`), one for
 * each stream.
 *
 * - It never fails and never makes a call wait. While Redis is away events are held, up to a bound (I6); beyond it they are dropped
 *   and counted. A stream that lost one drops all that follow in that attempt, so that a reader has a beginning without holes.
 * - No token is written twice: an attempt's `start` gets its id from Redis, and each entry after it the next one. An entry whose
 *   write is repeated after an unknown outcome is refused by Redis, since ids only grow (a start may be there twice, which to a
 *   reader is one more beginning). In the same way the first write of a later
 *   attempt ends an earlier one that still runs elsewhere: a reader never sees two of them mixed.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { StreamSettings } from "../../../libs/shared/config/inference.ts";
import type { RedisClient } from "../../../libs/shared/redis/client.ts";
import { streamKey } from "../../../libs/shared/redis/job-keys.ts";
import { wakeChannel } from "../../../libs/shared/redis/request-events.ts";
import { type TokenEvent, tokenEntry } from "../../../libs/shared/redis/token-events.ts";

/** One request's stream. None of these fails or waits. */
export interface TokenStream {
  /** An attempt begins: what came before counts no more. */
  start(event: Omit<Extract<TokenEvent, { kind: "start" }>, "kind">): void;
  /** @param chunk the provider's JSON. */
  token(chunk: string): void;
  /** After the last attempt. */
  end(event: Omit<Extract<TokenEvent, { kind: "end" }>, "kind" | "truncated">): void;
}

export type StreamReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** The commands of one round trip, their names in lower case; rejects when it is not known what became of them. */
export type StreamCommands = (commands: readonly (readonly (string | number)[])[]) => Promise<readonly StreamReply[]>;

export type TokenStreamsOptions = {
  readonly settings: StreamSettings;
  /** Of the connection, for the channels: only keys get it by themselves. */
  readonly key_prefix: string;
  readonly clock: Clock;
  /** Told of events that are given up, for a metric. */
  readonly dropped: (events: number) => void;
  /** Events and bytes held at the most while Redis is slow or away. */
  readonly held_events_max?: number;
  readonly held_bytes_max?: number;
};

const HELD_EVENTS_MAX = 20_000;
const HELD_BYTES_MAX = 16 * 1024 * 1024;
/** Of one round trip. */
const TRIP_EVENTS_MAX = 1_000;
const TRIP_BYTES_MAX = 1024 * 1024;
/** Redis was away: how long until the next try. */
const PAUSE_MS = 250;
const MINUTE_MS = 60_000;
/** Commands of each stream in a round trip beside its events: its time to live, and the word. */
const BESIDE_EVENTS = 2;

/** Errors of a server that will take commands again, or of one whose slots another has now. */
const PASSING = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK)\b/;

export function redisStreamCommands(redis: RedisClient): StreamCommands {
  return async (commands) => {
    const replies = await redis.pipeline(commands as (string | number)[][]).exec();
    if (replies === null) throw new Error("the pipeline was discarded");
    return replies.map(([error, value]): StreamReply => {
      if (error === null) return { ok: true, value };
      // Anything but an answer of the server: the connection was lost, or never there.
      if (error.name !== "ReplyError" || PASSING.test(error.message)) throw error;
      return { ok: false, error };
    });
  };
}

type Held = { readonly event: TokenEvent; readonly bytes: number };

type Stream = {
  readonly key: string;
  readonly channel: string;
  queue: Held[];
  /** The id of the last entry that was written, once the attempt's start was. */
  last: { readonly ms: string; readonly n: number } | undefined;
  /** An event of this attempt was dropped. */
  lossy: boolean;
};

export class RedisTokenStreams {
  readonly #commands: StreamCommands;
  readonly #options: TokenStreamsOptions;
  /** Streams with events that are not written yet, the longest waiting first. */
  readonly #waiting = new Set<Stream>();
  #held_events = 0;
  #held_bytes = 0;
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #last_flush_ms = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(commands: StreamCommands, options: TokenStreamsOptions) {
    this.#commands = commands;
    this.#options = options;
  }

  /** Events held. */
  get held(): number {
    return this.#held_events;
  }

  open(tenant: string, id: string): TokenStream {
    const key = streamKey(tenant, id);
    const channel = wakeChannel(this.#options.key_prefix, tenant, id);
    const stream: Stream = { key, channel, queue: [], last: undefined, lossy: false };
    return {
      start: (event) => {
        // Readers would drop what is still held of earlier attempts.
        this.#forget(stream, stream.queue.length);
        stream.last = undefined;
        stream.lossy = false;
        this.#hold(stream, { kind: "start", ...event });
      },
      token: (chunk) => this.#hold(stream, { kind: "token", chunk }),
      end: (event) => {
        const lossy = stream.lossy;
        stream.lossy = false;
        this.#hold(stream, { kind: "end", ...event, ...(lossy ? { truncated: true } : {}) });
      },
    };
  }

  /** Writes what is held, once; what cannot be written now is given up. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#flushing;
    while (this.#waiting.size > 0 && (await this.#trip()));
    for (const stream of this.#waiting) this.#drop(stream, stream.queue.length);
  }

  #hold(stream: Stream, event: TokenEvent): void {
    const bytes = event.kind === "token" ? event.chunk.length : 100;
    const { held_events_max = HELD_EVENTS_MAX, held_bytes_max = HELD_BYTES_MAX } = this.#options;
    const full = this.#held_events >= held_events_max || this.#held_bytes + bytes > held_bytes_max;
    if (stream.lossy || full || this.#closed) {
      stream.lossy = true;
      this.#options.dropped(1);
      return;
    }
    stream.queue.push({ event, bytes });
    this.#held_events += 1;
    this.#held_bytes += bytes;
    this.#waiting.add(stream);
    this.#schedule();
  }

  /** At once when the last round trip is long enough ago: the first token is not kept waiting. */
  #schedule(pause_ms = 0): void {
    if (this.#timer !== undefined || this.#flushing !== undefined || this.#closed) return;
    const { clock, settings } = this.#options;
    const rest_ms = this.#last_flush_ms + settings.flush_ms - clock.now_ms();
    this.#timer = clock.after(Math.max(0, rest_ms, pause_ms), () => {
      this.#timer = undefined;
      this.#last_flush_ms = clock.now_ms();
      this.#flushing = this.#trip().then((written) => {
        this.#flushing = undefined;
        if (this.#waiting.size > 0) this.#schedule(written ? 0 : PAUSE_MS);
      });
    });
  }

  /** @returns false when Redis is away; what was sent is then still held. */
  async #trip(): Promise<boolean> {
    const sent = this.#take();
    const { settings } = this.#options;
    const commands = sent.flatMap(({ stream, held }) => [
      ...held.map(({ event }, index) => xadd(stream, index, event, settings.events_max)),
      ["pexpire", stream.key, settings.ttl_minutes * MINUTE_MS],
      ["publish", stream.channel, ""],
    ]);
    let replies: readonly StreamReply[];
    try {
      replies = await this.#commands(commands);
    } catch {
      return false;
    }
    let at = 0;
    for (const { stream, held, started } of sent) {
      this.#settle(stream, held, started, replies.slice(at, at + held.length));
      at += held.length + BESIDE_EVENTS;
    }
    return true;
  }

  /** What goes into one round trip. A start goes alone: the ids that follow come from its own. */
  #take(): { stream: Stream; held: Held[]; started: Stream["last"] }[] {
    const sent: { stream: Stream; held: Held[]; started: Stream["last"] }[] = [];
    let events = 0;
    let bytes = 0;
    for (const stream of this.#waiting) {
      const held: Held[] = [];
      for (const one of stream.queue) {
        if (events >= TRIP_EVENTS_MAX || (events > 0 && bytes + one.bytes > TRIP_BYTES_MAX)) break;
        held.push(one);
        events += 1;
        bytes += one.bytes;
        if (stream.last === undefined) break;
      }
      if (held.length > 0) sent.push({ stream, held, started: stream.last });
    }
    return sent;
  }

  #settle(stream: Stream, held: readonly Held[], started: Stream["last"], replies: readonly StreamReply[]): void {
    // Another attempt of ours has begun meanwhile: what was sent is no longer held.
    if (stream.queue[0] !== held[0] || stream.last !== started) return;
    const refused = replies.find((reply) => !reply.ok && !isOutdated(reply.error));
    if (refused !== undefined) {
      this.#drop(stream, stream.queue.length);
      return;
    }
    this.#forget(stream, held.length);
    if (started !== undefined) {
      stream.last = { ms: started.ms, n: started.n + held.length };
      return;
    }
    const [reply] = replies;
    const [ms = "0", n = "0"] = String(reply?.ok ? reply.value : "").split("-");
    stream.last = { ms, n: Number(n) };
  }

  #drop(stream: Stream, events: number): void {
    if (events > 0) this.#options.dropped(events);
    stream.lossy = true;
    this.#forget(stream, events);
  }

  #forget(stream: Stream, events: number): void {
    for (const { bytes } of stream.queue.slice(0, events)) this.#held_bytes -= bytes;
    this.#held_events -= Math.min(events, stream.queue.length);
    stream.queue = stream.queue.slice(events);
    // To the end of those that wait: a round trip may not have room for all.
    this.#waiting.delete(stream);
    if (stream.queue.length > 0) this.#waiting.add(stream);
  }
}

function xadd({ key, last }: Stream, index: number, event: TokenEvent, events_max: number): (string | number)[] {
  const id = last === undefined ? "*" : `${last.ms}-${last.n + 1 + index}`;
  return ["xadd", key, "MAXLEN", "~", events_max, id, ...tokenEntry(event)];
}

/** Redis has this entry already, or one of a later attempt. */
function isOutdated(error: Error): boolean {
  return error.message.includes("equal or smaller");
}
