/** Words of new events: one connection for all, nothing asked for longer than needed, and nobody forgotten when it breaks. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { RedisWakes, type Subscription } from "../../../../services/gateway/streams/wakes.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

/** A connection in subscriber mode, as ioredis has it. */
class FakeSubscription extends EventEmitter {
  readonly channels = new Set<string>();
  readonly commands: string[] = [];
  away = false;

  async subscribe(...names: string[]): Promise<void> {
    this.commands.push(`subscribe ${names.length}`);
    if (this.away) throw new Error("Stream isn't writeable");
    for (const name of names) this.channels.add(name);
  }

  async unsubscribe(...names: string[]): Promise<void> {
    this.commands.push(`unsubscribe ${names.length}`);
    if (this.away) throw new Error("Stream isn't writeable");
    for (const name of names) this.channels.delete(name);
  }

  /** As a publisher: heard by those subscribed alone. */
  say(channel: string): void {
    if (this.channels.has(channel)) this.emit("message", channel, "");
  }

  breaks(): void {
    this.away = true;
  }

  isBack(): void {
    this.away = false;
    this.emit("ready");
  }
}

const OPEN_MAX = 100;
const LOOK_MS = 5_000;

function setUp() {
  const clock = new VirtualClock();
  const redis = new FakeSubscription();
  const wakes = new RedisWakes(redis as unknown as Subscription, {
    settings: { open_max: OPEN_MAX, look_ms: LOOK_MS },
    key_prefix: "here:",
    clock,
  });
  const pass = async (ms: number): Promise<void> => {
    clock.after(ms, () => undefined);
    await clock.run(() => false, clock.now_ms() + ms);
  };
  /** Follows, and counts how often it was woken. */
  const follow = async (id: string) => {
    const seen = { wakes: 0, close: (): void => undefined };
    const following = await wakes.follow("demo", id, () => {
      seen.wakes += 1;
    });
    seen.close = () => following.close();
    return seen;
  };
  return { clock, redis, wakes, pass, follow };
}

const channelOf = (id: string): string => `here:wake:demo ${id}`;

describe("wakes", () => {
  test("reach everybody who follows the request, and nobody else", async () => {
    const { redis, wakes, follow } = setUp();
    const [one, same, other] = await Promise.all([follow("r1"), follow("r1"), follow("r2")]);
    assert.deepEqual(redis.commands, ["subscribe 2"]);
    redis.say(channelOf("r1"));
    redis.emit("message", "sluice:reply:gateway-1", "demo r2\n{}");
    assert.deepEqual([one?.wakes, same?.wakes, other?.wakes, wakes.count], [1, 1, 0, 3]);
  });

  test("end with the last who follows", async () => {
    const { redis, wakes, pass, follow } = setUp();
    const [one, same] = await Promise.all([follow("r1"), follow("r1")]);
    one?.close();
    one?.close();
    await pass(1);
    assert.deepEqual([[...redis.channels], wakes.count], [[channelOf("r1")], 1]);
    same?.close();
    await pass(1);
    assert.deepEqual([[...redis.channels], wakes.count], [[], 0]);
    // One that comes as the last one goes is subscribed all the same.
    const last = await follow("r1");
    last.close();
    const next = await follow("r1");
    await pass(1);
    redis.say(channelOf("r1"));
    assert.equal(next.wakes, 1);
  });

  test("come once a look without a word, spread over its time", async () => {
    const { pass, follow } = setUp();
    const all = await Promise.all(Array.from({ length: 100 }, (_, at) => follow(`r${at}`)));
    await pass(LOOK_MS / 2);
    const woken = all.filter(({ wakes }) => wakes > 0).length;
    assert.ok(woken >= 40 && woken <= 60, `${woken} of 100 in half the time`);
    await pass(LOOK_MS / 2);
    assert.ok(all.every(({ wakes }) => wakes === 1));
    await pass(3 * LOOK_MS);
    assert.ok(all.every(({ wakes }) => wakes === 4));
  });

  test("come to all when the connection is back, which hears the words again", async () => {
    const { redis, pass, follow } = setUp();
    const all = await Promise.all([follow("r1"), follow("r2")]);
    redis.breaks();
    redis.channels.clear();
    all[1]?.close();
    await pass(10);
    redis.isBack();
    await pass(10);
    assert.deepEqual([all[0]?.wakes, all[1]?.wakes, [...redis.channels]], [1, 0, [channelOf("r1")]]);
    redis.say(channelOf("r1"));
    assert.equal(all[0]?.wakes, 2);
  });

  test("of a channel that could not be given up are given up later", async () => {
    const { redis, pass, follow } = setUp();
    const [one] = await Promise.all([follow("r1"), follow("r2")]);
    redis.breaks();
    one?.close();
    await pass(10);
    // ioredis subscribed to it again by itself.
    redis.isBack();
    await pass(10);
    assert.deepEqual([...redis.channels], [channelOf("r2")]);
  });

  test("cannot be had while Redis is away; whoever follows before goes on by looks", async () => {
    const { redis, wakes, pass, follow } = setUp();
    const early = await follow("r1");
    redis.breaks();
    await assert.rejects(follow("r2"), isRetryable);
    assert.equal(wakes.count, 1);
    await pass(LOOK_MS);
    assert.equal(early.wakes, 1);
    redis.isBack();
    await pass(10);
    const late = await follow("r2");
    redis.say(channelOf("r2"));
    assert.equal(late.wakes, 1);
  });

  test("are bounded in number", async () => {
    const { wakes, follow } = setUp();
    const all = await Promise.all(Array.from({ length: OPEN_MAX }, () => follow("r1")));
    assert.ok(wakes.full);
    await assert.rejects(follow("r1"), isRetryable);
    all[0]?.close();
    await follow("r1");
    assert.equal(wakes.count, OPEN_MAX);
  });

  test("end with stop, and leave no timer", async () => {
    const { clock, redis, wakes, follow } = setUp();
    const one = await follow("r1");
    wakes.stop();
    redis.say(channelOf("r1"));
    await clock.run(() => false, clock.now_ms() + 10 * LOOK_MS);
    assert.deepEqual([one.wakes, clock.events], [0, 0]);
  });
});
