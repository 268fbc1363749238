/** A request's tokens in Redis: in order, without holes or repeats, and never at the cost of the call. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inferenceSchema } from "../../../../libs/shared/config/inference.ts";
import { readTokenEntry, type TokenEvent } from "../../../../libs/shared/redis/token-events.ts";
import {
  RedisTokenStreams,
  type StreamReply,
  type TokenStreamsOptions,
} from "../../../../services/inference/streaming/token-stream.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

type Entry = { readonly id: readonly [ms: number, n: number]; readonly event: TokenEvent | undefined };
type Trip = { readonly at_ms: number; readonly commands: readonly (readonly (string | number)[])[] };

/** Redis, as far as XADD, PEXPIRE and PUBLISH go. `fate` says what becomes of each round trip. */
class FakeRedis {
  readonly streams = new Map<string, Entry[]>();
  readonly trips: Trip[] = [];
  /** Channels in the order in which a word went out on them. */
  readonly words: string[] = [];
  fate: "there" | "away" | "answer lost" | "refuses" = "there";
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  readonly run = async (commands: Trip["commands"]): Promise<StreamReply[]> => {
    this.trips.push({ at_ms: this.#clock.now_ms(), commands });
    if (this.fate === "away") throw new Error("connection refused");
    const replies = commands.map((command) => this.#apply(command));
    if (this.fate === "answer lost") throw new Error("connection reset");
    return replies;
  };

  kinds(key: string): string[] {
    return (this.streams.get(key) ?? []).map(({ event }) =>
      event?.kind === "token" ? event.chunk : String(event?.kind),
    );
  }

  #apply([name, key, , , , id, ...fields]: readonly (string | number)[]): StreamReply {
    if (name === "publish") this.words.push(String(key));
    if (name === "pexpire" || name === "publish") return { ok: true, value: 1 };
    if (this.fate === "refuses") return { ok: false, error: new Error("WRONGTYPE") };
    const entries = this.streams.get(String(key)) ?? [];
    this.streams.set(String(key), entries);
    const [last_ms, last_n] = entries.at(-1)?.id ?? [0, 0];
    const now_ms = this.#clock.now_ms();
    const next = now_ms > last_ms ? [now_ms, 0] : [last_ms, last_n + 1];
    const [ms = 0, n = 0] = id === "*" ? next : String(id).split("-").map(Number);
    if (ms < last_ms || (ms === last_ms && n <= last_n)) {
      return { ok: false, error: new Error("ERR The ID specified in XADD is equal or smaller than the target") };
    }
    entries.push({ id: [ms, n], event: readTokenEntry(fields.map(String)) });
    return { ok: true, value: `${ms}-${n}` };
  }
}

const KEY = "stream:{demo}:r1";
const START = { attempt: 1, model: "m", endpoint: "e" };

function setUp(more: Partial<TokenStreamsOptions> = {}) {
  const clock = new VirtualClock();
  const redis = new FakeRedis(clock);
  let dropped = 0;
  const settings = inferenceSchema.parse({}).stream;
  const count = (events: number): void => {
    dropped += events;
  };
  const options = { settings, key_prefix: "here:", clock, dropped: count, ...more };
  const streams = new RedisTokenStreams(redis.run, options);
  const stream = streams.open("demo", "r1");
  /** Lets so much time pass. */
  const pass = async (ms: number): Promise<void> => {
    clock.after(ms, () => undefined);
    await clock.run(() => false, clock.now_ms() + ms);
  };
  return { clock, redis, streams, stream, pass, dropped: () => dropped };
}

describe("a token stream", () => {
  test("holds an attempt from its start to its end, its ids one after the other", async () => {
    const { redis, stream, pass } = setUp();
    stream.start(START);
    for (const chunk of ["a", "b", "c"]) stream.token(chunk);
    stream.end({ status: "succeeded" });
    await pass(1_000);
    const entries = redis.streams.get(KEY) ?? [];
    assert.deepEqual(
      entries.map(({ event }) => event),
      [
        { kind: "start", ...START },
        ...["a", "b", "c"].map((chunk) => ({ kind: "token", chunk })),
        { kind: "end", status: "succeeded" },
      ],
    );
    const [first] = entries;
    assert.deepEqual(
      entries.map(({ id }) => id),
      entries.map((_, index) => [first?.id[0], (first?.id[1] ?? 0) + index]),
    );
  });

  test("goes out at once, then together with all others at most every flush_ms, cut and kept as the settings say", async () => {
    const { redis, streams, stream, pass, clock } = setUp();
    const began_ms = clock.now_ms();
    const other = streams.open("demo", "r2");
    stream.start(START);
    await pass(5);
    other.start(START);
    for (const chunk of ["a", "b"]) {
      stream.token(chunk);
      other.token(chunk);
      await pass(2);
    }
    await pass(100);
    assert.deepEqual(
      redis.trips.map(({ at_ms }) => at_ms - began_ms),
      [0, 20, 40],
    );
    assert.deepEqual(redis.trips[0]?.commands, [
      ["xadd", KEY, "MAXLEN", "~", 10_000, "*", "kind", "start", "data", JSON.stringify(START)],
      ["pexpire", KEY, 3_600_000],
      ["publish", "here:wake:demo r1", ""],
    ]);
    assert.deepEqual(redis.kinds(KEY), ["start", "a", "b"]);
    assert.deepEqual(redis.kinds("stream:{demo}:r2"), ["start", "a", "b"]);
  });

  test("wakes whoever follows it: once a round trip for each stream, after what is new is there", async () => {
    const { redis, streams, stream, pass } = setUp();
    stream.start(START);
    await pass(50);
    const other = streams.open("demo", "r2");
    other.start(START);
    for (const chunk of ["a", "b", "c"]) stream.token(chunk);
    await pass(50);
    const [r1, r2] = ["here:wake:demo r1", "here:wake:demo r2"];
    assert.deepEqual(redis.words, [r1, r2, r1]);
    for (const { commands } of redis.trips) {
      const last = commands.findLastIndex(([name, key]) => name === "xadd" && key === KEY);
      const word = commands.findIndex(([name, channel]) => name === "publish" && channel === r1);
      assert.ok(word > last || (word === -1 && last === -1));
    }
  });

  test("has nothing twice when what became of a write is not known", async () => {
    const { redis, stream, pass, dropped } = setUp();
    stream.start(START);
    await pass(30);
    for (const chunk of ["a", "b"]) stream.token(chunk);
    redis.fate = "answer lost";
    await pass(30);
    stream.token("c");
    redis.fate = "there";
    await pass(1_000);
    assert.deepEqual([redis.kinds(KEY), dropped()], [["start", "a", "b", "c"], 0]);
  });

  test("waits for Redis, and goes on when it is back", async () => {
    const { redis, streams, stream, pass, dropped } = setUp();
    redis.fate = "away";
    stream.start(START);
    stream.token("a");
    await pass(10_000);
    assert.ok(redis.trips.length <= 42, "it is asked again at a measured pace");
    redis.fate = "there";
    await pass(1_000);
    assert.deepEqual([redis.kinds(KEY), dropped(), streams.held], [["start", "a"], 0, 0]);
  });

  test("holds so much and no more; what it loses is its tail, and its end says so", async () => {
    const { redis, streams, stream, pass, dropped } = setUp({ held_events_max: 3 });
    redis.fate = "away";
    stream.start(START);
    for (const chunk of ["a", "b", "c", "d"]) stream.token(chunk);
    assert.deepEqual([streams.held, dropped()], [3, 2]);
    redis.fate = "there";
    await pass(1_000);
    // There is room again, and yet no hole.
    stream.token("e");
    stream.end({ status: "succeeded" });
    await pass(1_000);
    assert.deepEqual(redis.kinds(KEY), ["start", "a", "b", "end"]);
    assert.deepEqual(redis.streams.get(KEY)?.at(-1)?.event, { kind: "end", status: "succeeded", truncated: true });
    assert.deepEqual([streams.held, dropped()], [0, 3]);
  });

  test("is bounded in bytes too", () => {
    const { stream, streams, dropped } = setUp({ held_bytes_max: 1_000 });
    stream.start(START);
    stream.token("x".repeat(800));
    stream.token("x".repeat(200));
    assert.deepEqual([streams.held, dropped()], [2, 1]);
  });

  test("begins again with a new attempt: what is not yet written of the old one is not", async () => {
    const { redis, stream, pass, dropped } = setUp();
    stream.start(START);
    await pass(100);
    stream.token("a");
    await pass(100);
    stream.token("b");
    stream.start({ ...START, attempt: 2 });
    stream.token("c");
    await pass(100);
    assert.deepEqual([redis.kinds(KEY), dropped()], [["start", "a", "start", "c"], 0]);
  });

  test("belongs to the attempt that began last, wherever it runs", async () => {
    const { redis, stream: old, streams, pass } = setUp();
    old.start(START);
    old.token("a");
    await pass(100);
    const next = streams.open("demo", "r1");
    next.start({ ...START, attempt: 2 });
    await pass(100);
    old.token("b");
    old.end({ status: "failed" });
    next.token("c");
    await pass(100);
    assert.deepEqual(redis.kinds(KEY), ["start", "a", "start", "c"]);
  });

  test("that Redis refuses is given up, and takes no other with it", async () => {
    const { redis, streams, stream, pass, dropped } = setUp();
    redis.fate = "refuses";
    stream.start(START);
    stream.token("a");
    await pass(100);
    stream.token("b");
    redis.fate = "there";
    const other = streams.open("demo", "r2");
    other.start(START);
    await pass(100);
    assert.deepEqual([redis.kinds(KEY), redis.kinds("stream:{demo}:r2")], [[], ["start"]]);
    assert.deepEqual([streams.held, dropped()], [0, 3]);
  });

  test("is written to its end when the writer closes; while Redis is away it is given up", async () => {
    const there = setUp();
    there.stream.start(START);
    there.stream.token("a");
    await there.streams.close();
    assert.deepEqual(there.redis.kinds(KEY), ["start", "a"]);
    const away = setUp();
    away.redis.fate = "away";
    away.stream.start(START);
    away.stream.token("a");
    await away.streams.close();
    assert.deepEqual([away.streams.held, away.dropped()], [0, 2]);
    away.stream.token("b");
    assert.deepEqual([away.streams.held, away.dropped()], [0, 3]);
  });

  test("of many tokens goes out in round trips of bounded size", async () => {
    const { redis, stream, pass } = setUp();
    stream.start(START);
    const chunks = Array.from({ length: 2_500 }, (_, index) => String(index));
    for (const chunk of chunks) stream.token(chunk);
    await pass(1_000);
    assert.ok(redis.trips.every(({ commands }) => commands.length <= 1_002));
    assert.deepEqual(redis.kinds(KEY), ["start", ...chunks]);
  });
});

test("an entry of a later version is passed over", () => {
  assert.equal(readTokenEntry(["kind", "later", "data", "{}"]), undefined);
  assert.equal(readTokenEntry([]), undefined);
});
