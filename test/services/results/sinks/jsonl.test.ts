/** Files of results: no result stands in two of them and none is missing, whatever crashes, moves or is away. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { unavailable } from "../../../../libs/shared/errors.ts";
import type { HandlerContext } from "../../../../libs/shared/kafka/handler.ts";
import type { InRecord, OffsetHolder, TopicPartition } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { JsonlSink } from "../../../../services/results/sinks/jsonl.ts";
import type { ReadRecord } from "../../../../services/results/sinks/sink.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { inRecord } from "../../../support/memory-ports.ts";

const SOURCE: TopicPartition = { topic: "llm.results", partition: 3 };
const context: HandlerContext = { isAssigned: () => true, stopping: new AbortController().signal };

/** Every third is left out by the filter. */
const read: ReadRecord = async (record) => {
  const { offset } = record;
  const json = Buffer.from(`{"id":\n${offset}}`);
  const head = { id: String(offset), tenant: "demo", status: "succeeded", timing: {} } as const;
  return { record, result: offset % 3 === 0 ? undefined : { head, json } };
};

type Fault = "none" | "before" | "after";

/** The storage and the group's offset, which outlive every member. */
class Parts {
  readonly files = new Map<string, string>();
  committed = 0;
  /** Members that took the partition: of them only the last may move the offset. */
  epoch = 0;
  /** What the next calls meet: an error before they take effect, or after. */
  faults: Fault[] = [];

  async #call<T>(effect: () => Promise<T>): Promise<T> {
    const fault = this.faults.shift() ?? "none";
    if (fault === "before") throw unavailable("kafka", new Error("away"));
    const done = await effect();
    if (fault === "after") throw unavailable("kafka", new Error("no answer"));
    return done;
  }

  readonly storage = {
    write: (key: string, content: AsyncIterable<Uint8Array>): Promise<number> =>
      this.#call(async () => {
        const parts: Uint8Array[] = [];
        for await (const part of content) parts.push(part);
        this.files.set(key, Buffer.concat(parts).toString());
        return 0;
      }),
    remove: (key: string): Promise<void> =>
      this.#call(async () => {
        this.files.delete(key);
      }),
  };

  member(): OffsetHolder {
    const move = (offset: number): void => {
      this.committed = offset;
    };
    let channel: { epoch: number; position: number } | undefined;
    const open = (): { epoch: number; position: number } => {
      this.epoch += 1;
      return { epoch: this.epoch, position: this.committed };
    };
    const using = async <T>(work: (of: { epoch: number; position: number }) => T): Promise<T | "fenced"> => {
      channel ??= open();
      const of = channel;
      try {
        return await this.#call(async () => (of.epoch === this.epoch ? work(of) : "fenced"));
      } catch (error) {
        channel = undefined;
        throw error;
      }
    };
    return {
      take: () => using(({ position }) => position),
      async publishOnce(_source, items) {
        const done = await using((of) => {
          const last = items.filter(({ offset }) => offset >= of.position).at(-1);
          if (last === undefined) return "committed" as const;
          of.position = last.offset + 1;
          move(of.position);
          return "committed" as const;
        });
        if (done === "fenced") channel = undefined;
        return done;
      },
      forget() {
        channel = undefined;
      },
    };
  }
}
let parts: Parts;

function startMember(clock: VirtualClock, records_max = 4): JsonlSink {
  const offsets = parts.member();
  const settings = { records_max, wait_ms: 1_000 };
  return new JsonlSink({ name: "archive", settings, storage: parts.storage, read, offsets, clock, log: silentLog });
}

const records = (from: number, to: number): InRecord[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, at) =>
    inRecord("{}", { ...SOURCE, offset: from + at, timestamp_ms: START_MS + (from + at) * 60_000 }),
  );

/** Ids in all files, in the order of the files. */
function written(): number[] {
  return [...parts.files.entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, text]) => text.trimEnd().split("\n"))
    .map((line) => (JSON.parse(line) as { id: number }).id);
}

const expected = (until: number): number[] => Array.from({ length: until }, (_, at) => at).filter((at) => at % 3 !== 0);

/** As the engine does: again and again while it may pass. */
async function takeAll(sink: JsonlSink, of: readonly InRecord[]): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await sink.take(SOURCE, of, context);
    } catch (error) {
      if (tries > 20) throw error;
    }
  }
}

async function takeOnce(sink: JsonlSink, of: readonly InRecord[]): Promise<boolean> {
  return sink.take(SOURCE, of, context).then(
    () => true,
    () => false,
  );
}

describe("a sink of JSONL files", () => {
  test("closes a file when it is full, and names it by day, partition and first offset", async () => {
    parts = new Parts();
    const sink = startMember(new VirtualClock());
    await sink.take(SOURCE, records(0, 9), context);
    assert.deepEqual(
      [...parts.files],
      [
        ["archive/2026-01-01/llm.results-3/0000000000000000.jsonl", '{"id": 1}\n{"id": 2}\n'],
        ["archive/2026-01-01/llm.results-3/0000000000000004.jsonl", '{"id": 4}\n{"id": 5}\n{"id": 7}\n'],
      ],
    );
    assert.equal(parts.committed, 8);
    await sink.close();
    assert.deepEqual([parts.committed, written()], [9, expected(9)]);
  });

  test("closes a file that is old, also one that holds nothing, and tries again where that fails", async () => {
    parts = new Parts();
    const clock = new VirtualClock();
    const sink = startMember(clock);
    await sink.take(SOURCE, records(0, 2), context);
    assert.equal(parts.committed, 0);
    parts.faults = ["before"];
    await clock.run(() => parts.committed === 2, START_MS + 10_000);
    assert.equal(clock.now_ms() - START_MS, 2_000);
    await sink.take(SOURCE, records(3, 4), context);
    await clock.run(() => parts.committed === 4, START_MS + 10_000);
    assert.deepEqual([parts.files.size, parts.committed], [1, 4]);
  });

  test("drops what the member before has made durable since it began to read", async () => {
    parts = new Parts();
    parts.committed = 6;
    const sink = startMember(new VirtualClock());
    await sink.take(SOURCE, records(2, 8), context);
    await sink.close();
    assert.deepEqual([written(), parts.committed], [[7], 8]);
  });

  test("adds nothing to a file whose end nobody has heard of", async () => {
    parts = new Parts();
    const clock = new VirtualClock();
    const sink = startMember(clock);
    await sink.take(SOURCE, records(0, 2), context);
    parts.faults = ["none", "after"];
    await clock.run(() => parts.committed === 2, START_MS + 10_000);
    // The next file is written, and its offset is not moved before the crash.
    parts.faults = ["none", "none", "before"];
    assert.equal(await takeOnce(sink, records(2, 6)), false);
    assert.equal(parts.committed, 2);
    const next = startMember(new VirtualClock());
    await next.take(SOURCE, records(2, 5), context);
    await next.close();
    assert.deepEqual([written(), parts.committed], [expected(5), 5]);
  });

  test("leaves no file of a member before where its own has no lines", async () => {
    parts = new Parts();
    const sink = startMember(new VirtualClock());
    parts.faults = ["none", "none", "before"];
    assert.equal(await takeOnce(sink, records(0, 4)), false);
    const next = startMember(new VirtualClock(), 1);
    await next.take(SOURCE, records(0, 4), context);
    assert.deepEqual([written(), parts.committed], [expected(4), 4]);
    assert.equal(parts.files.size, 2);
  });

  test("ends without a trace where the partition is lost while it writes", async () => {
    parts = new Parts();
    const sink = startMember(new VirtualClock(), 100);
    await sink.take(SOURCE, records(0, 5), context);
    const closing = sink.close();
    sink.lost([SOURCE]);
    await closing;
    assert.deepEqual([parts.files.size, parts.committed], [0, 0]);
  });

  test("has each result once, whatever crashes, moves or is away", async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant("read" as const), count: fc.integer({ min: 1, max: 7 }) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("crash" as const, "move" as const) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("faults" as const),
          faults: fc.array(fc.constantFrom<Fault>("none", "before", "after"), { maxLength: 6 }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        parts = new Parts();
        let clock = new VirtualClock();
        let sink = startMember(clock);
        let next = 0;
        let read_until = 0;
        for (const one of steps) {
          if (one.kind === "read") {
            // What was given up comes again, as long as nothing else happens.
            read_until = Math.max(read_until, next + one.count);
            if (await takeOnce(sink, records(next, next + one.count))) next += one.count;
          } else if (one.kind === "wait") {
            await clock.run(() => false, clock.now_ms() + 1_500);
          } else if (one.kind === "faults") {
            parts.faults = [...one.faults];
          } else {
            // A crash leaves all where it is; a rebalance tells the member, and may give the partition back to it.
            if (one.kind === "crash") {
              clock = new VirtualClock();
              sink = startMember(clock);
            } else sink.lost([SOURCE]);
            next = parts.committed;
          }
          assert.ok(
            written().every((id, at, all) => at === 0 || id > (all[at - 1] as number)),
            "in two files",
          );
          assert.deepEqual(
            written().filter((id) => id < parts.committed),
            expected(parts.committed),
          );
        }
        parts.faults = [];
        await takeAll(sink, records(next, read_until));
        await sink.close();
        assert.deepEqual(
          [written(), parts.committed],
          [expected(Math.max(next, read_until)), Math.max(next, read_until)],
        );
      }),
      { numRuns: 400 },
    );
  });
});
