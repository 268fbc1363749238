/** Writing to readers of all kinds: quick, silent, slow, dead; in virtual time. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { EventStreams, type Sink } from "../../../../services/gateway/streams/sse.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

/** A response whose reader takes what the test says. */
class FakeSink extends EventEmitter {
  readonly pieces: Buffer[] = [];
  destroyed = false;
  ended = false;
  #pending: (() => void)[] = [];

  write(piece: Buffer, taken: () => void): boolean {
    this.pieces.push(piece);
    this.#pending.push(taken);
    return true;
  }

  end(): void {
    this.ended = true;
    this.#finish();
  }

  destroy(): void {
    this.destroyed = true;
    // As sockets do: what was not sent is called back for, with an error.
    for (const taken of this.#pending.splice(0)) taken();
    this.emit("close");
  }

  take(count = this.#pending.length): void {
    for (const taken of this.#pending.splice(0, count)) taken();
    this.#finish();
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString();
  }

  #finish(): void {
    if (this.ended && this.#pending.length === 0) this.emit("finish");
  }
}

const SETTINGS = { heartbeat_ms: 15_000, stalled_ms_max: 30_000, unsent_bytes_max: 1_000 };

function setUp() {
  const clock = new VirtualClock();
  let stalled = 0;
  const count = (): void => {
    stalled += 1;
  };
  const streams = new EventStreams({ settings: SETTINGS, clock, stalled: count });
  const open = () => {
    const sink = new FakeSink();
    return { sink, stream: streams.over(sink as unknown as Sink) };
  };
  const pass = async (ms: number): Promise<void> => {
    clock.after(ms, () => undefined);
    await clock.run(() => false, clock.now_ms() + ms);
  };
  return { clock, streams, open, pass, stalled: () => stalled };
}

describe("a stream of events", () => {
  test("takes what there is room for, and no more until its reader took it", async () => {
    const { open, pass } = setUp();
    const { sink, stream } = open();
    assert.equal(await stream.write("x".repeat(1_001)), true);
    let has_room: boolean | undefined;
    const asked = stream.room().then((room) => {
      has_room = room;
    });
    await pass(1);
    assert.equal(has_room, undefined);
    sink.take();
    await asked;
    assert.equal(has_room, true);
  });

  test("passes what is large on in pieces, whole and in order", async () => {
    const { open, pass } = setUp();
    const { sink, stream } = open();
    const text = "ä€😀".repeat(20_000);
    const written = stream.write(text);
    await pass(1);
    assert.equal(sink.pieces.length, 1);
    while (sink.text.length < text.length) {
      sink.take();
      await pass(1);
    }
    assert.equal(await written, true);
    assert.equal(sink.text, text);
  });

  test("gives a sign of life where there is nothing to say, and not in the midst of something", async () => {
    const { open, pass } = setUp();
    const { sink, stream } = open();
    await pass(14_000);
    assert.equal(sink.text, "");
    await pass(6_000);
    assert.equal(sink.text, ":\n");
    sink.take();
    await stream.write("event");
    await pass(29_000);
    assert.equal(sink.text, ":\nevent");
  });

  test("is cut off when its reader takes nothing, and not while it takes a little", async () => {
    const { streams, open, pass, stalled } = setUp();
    const slow = open();
    const dead = open();
    for (const { stream } of [slow, dead]) void stream.write("x".repeat(600 * 1024));
    for (let second = 0; second < 40; second += 4) {
      slow.sink.take(1);
      await pass(4_000);
    }
    assert.deepEqual([slow.sink.destroyed, dead.sink.destroyed, stalled()], [false, true, 1]);
    assert.deepEqual([slow.stream.is_open, dead.stream.is_open, streams.count], [true, false, 1]);
    assert.equal(await dead.stream.room(), false);
  });

  test("that was ended is still cut off when the end is not taken", async () => {
    const { streams, open, pass, stalled } = setUp();
    const { sink, stream } = open();
    await stream.write("last");
    stream.end();
    assert.equal(await stream.write("more"), false);
    await pass(60_000);
    assert.deepEqual([sink.destroyed, sink.text, stalled(), streams.count], [true, "last", 1, 0]);
  });

  test("tells when its reader is gone, also to whoever asks later", async () => {
    const { open } = setUp();
    const { sink, stream } = open();
    const told: string[] = [];
    stream.onClosed(() => told.push("early"));
    const room = stream.write("x".repeat(5_000)).then(() => stream.room());
    sink.destroy();
    stream.onClosed(() => told.push("late"));
    assert.deepEqual([await room, told, stream.is_open], [false, ["early", "late"], false]);
  });

  test("of large texts there are so many bytes in memory, and no more", async () => {
    const { streams, open, pass } = setUp();
    const large = "x".repeat(20 * 1024 * 1024);
    const all = Array.from({ length: 4 }, open);
    for (const { stream } of all) void stream.write(large);
    assert.deepEqual(
      all.map(({ stream }) => stream.is_open),
      [true, true, true, false],
    );
    const small = open();
    assert.equal(await small.stream.write("small"), true);
    all[0]?.sink.destroy();
    await pass(1);
    const next = open();
    void next.stream.write(large);
    assert.deepEqual([next.stream.is_open, streams.count], [true, 4]);
  });

  test("ends at a shutdown; who takes nothing then is cut off, and who comes then is ended at once", async () => {
    const { clock, streams, open, pass } = setUp();
    const [quick, slow] = [open(), open()];
    await slow.stream.write("unsent");
    const closed = streams.close();
    const late = open();
    assert.deepEqual(
      [quick.sink.ended, slow.sink.ended, slow.sink.destroyed, late.sink.ended],
      [true, true, false, true],
    );
    await pass(1_000);
    await closed;
    assert.deepEqual([quick.sink.destroyed, slow.sink.destroyed, streams.count], [false, true, 0]);
    const { events } = clock;
    await pass(60_000);
    assert.equal(clock.events, events + 1, "no timer is left");
  });
});
