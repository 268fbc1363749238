/** The batcher in virtual time: who leaves with whom, when, and that everybody is answered once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { sleep } from "../../../../libs/shared/clock.ts";
import {
  type BatchCall,
  MicroBatcher,
  type MicroBatcherOptions,
} from "../../../../services/inference/batching/batcher.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const SETTINGS = { size_max: 16, wait_ms: 5, bytes_max: 1_000, tokens_max: 1_000, latency_target_ms: 2_000 };
const CALL_MS = 20;

type Options = MicroBatcherOptions<string, string>;
/** ms since the start, the members, why they left. */
type Left = [at_ms: number, members: string, why: string];

/** A batcher of words whose key is their first letter; a call takes `CALL_MS` and answers each word in capitals. */
function setUp(options: Partial<Options> = {}) {
  const clock = new VirtualClock();
  const left: Left[] = [];
  let why = "";
  const answer = options.flush ?? (async (members) => members.map((member) => member.toUpperCase()));
  const batcher = new MicroBatcher<string, string>({
    clock,
    settings: SETTINGS,
    weigh: (member) => ({ bytes: member.length, tokens: 1 }),
    keyOf: (member) => member.charAt(0),
    onBatch: (_size, reason) => {
      why = reason;
    },
    ...options,
    flush: async (members, call) => {
      left.push([clock.now_ms() - START_MS, members.join(" "), why]);
      await sleep(clock, CALL_MS);
      return answer(members, call);
    },
  });
  return { clock, left, batcher };
}

type SetUp = ReturnType<typeof setUp>;

/** Submits each word at its time. @returns the answers, errors as their message. */
async function submitAll({ clock, batcher }: SetUp, words: readonly (readonly [at_ms: number, word: string])[]) {
  const answers: string[] = [];
  let ended = 0;
  for (const [at, [at_ms, word]] of words.entries()) {
    clock.after(at_ms, () => {
      const end = (answer: string): void => {
        answers[at] = answer;
        ended += 1;
      };
      batcher.submit(word).then(end, (error: Error) => end(`error: ${error.message}`));
    });
  }
  assert.ok(await clock.run(() => ended === words.length && batcher.in_flight === 0, START_MS + 1e6));
  return answers;
}

describe("when members leave", () => {
  test("at once when nothing is in flight, together with those of the same moment", async () => {
    const all = setUp();
    const answers = await submitAll(all, [
      [0, "a1"],
      [0, "b1"],
      [0, "a2"],
    ]);
    assert.deepEqual(all.left, [
      [0, "a1 a2", "idle"],
      [0, "b1", "idle"],
    ]);
    assert.deepEqual(answers, ["A1", "B1", "A2"]);
  });

  test("after their wait while others are in flight", async () => {
    const all = setUp();
    await submitAll(all, [
      [0, "a1"],
      [1, "a2"],
      [3, "b1"],
      [4, "a3"],
      [9, "a4"],
    ]);
    assert.deepEqual(all.left, [
      [0, "a1", "idle"],
      [6, "a2 a3", "wait"],
      [8, "b1", "wait"],
      [14, "a4", "wait"],
    ]);
  });

  test("at once when the last one in flight ends", async () => {
    const all = setUp();
    await submitAll(all, [
      [0, "a1"],
      [17, "a2"],
      [18, "b1"],
    ]);
    assert.deepEqual(all.left.slice(1), [
      [20, "a2", "idle"],
      [20, "b1", "idle"],
    ]);
  });

  test("when their batch is full, by members, bytes or tokens", async () => {
    const words = (length: number, word: string) => Array.from({ length }, () => [0, word] as const);
    // The first size in force is a quarter of size_max.
    const all = setUp();
    await submitAll(all, words(6, "a"));
    assert.deepEqual(all.left, [
      [0, "a a a a", "size"],
      [5, "a a", "wait"],
    ]);

    const heavy = setUp({ weigh: () => ({ bytes: 600, tokens: 1 }) });
    await submitAll(heavy, words(2, "a"));
    assert.deepEqual(
      heavy.left.map(([, , why]) => why),
      ["bytes", "wait"],
    );

    const long = setUp({ weigh: () => ({ bytes: 1, tokens: 1_000 }) });
    await submitAll(long, words(2, "a"));
    assert.deepEqual(
      long.left.map(([, , why]) => why),
      ["tokens", "tokens"],
    );
  });

  test("without waiting for others where size_max is 1", async () => {
    const all = setUp({ settings: { ...SETTINGS, size_max: 1 } });
    await submitAll(all, [
      [0, "a1"],
      [0, "a2"],
      [3, "a3"],
    ]);
    assert.deepEqual(all.left, [
      [0, "a1", "size"],
      [0, "a2", "size"],
      [3, "a3", "size"],
    ]);
  });

  test("when too many batches collect: the oldest", async () => {
    const all = setUp({ open_max: 2 });
    await submitAll(all, [
      [0, "x"],
      [1, "a1"],
      [2, "b1"],
      [3, "a2"],
      [4, "c1"],
    ]);
    assert.deepEqual(all.left.slice(1), [
      [4, "a1 a2", "open"],
      [7, "b1", "wait"],
      [9, "c1", "wait"],
    ]);
  });

  test("not before there is room: they go on collecting", async () => {
    const all = setUp({ in_flight_max: 1 });
    const answers = await submitAll(all, [
      [0, "a1"],
      [1, "a2"],
      [12, "a3"],
      [19, "b1"],
      [30, "b2"],
    ]);
    assert.deepEqual(all.left, [
      [0, "a1", "idle"],
      [20, "a2 a3", "idle"],
      [40, "b1 b2", "idle"],
    ]);
    assert.deepEqual(answers, ["A1", "A2", "A3", "B1", "B2"]);
  });
});

describe("the order of members", () => {
  test("is that of their groups, and each has its own answer", async () => {
    const all = setUp({ keyOf: () => "", orderOf: (member) => member.charAt(0) });
    const answers = await submitAll(all, [
      [0, "a1"],
      [0, "b1"],
      [0, "a2"],
      [0, "b2"],
    ]);
    assert.deepEqual(all.left, [[0, "a1 a2 b1 b2", "size"]]);
    assert.deepEqual(answers, ["A1", "B1", "A2", "B2"]);
  });
});

describe("when a flush fails", () => {
  test("each of its members has the error, and nobody else", async () => {
    const all = setUp({
      flush: async (members) => {
        if (members.includes("bad")) throw new Error("away");
        return members;
      },
    });
    const answers = await submitAll(all, [
      [0, "bad"],
      [0, "b1"],
      [0, "c1"],
      [50, "b2"],
    ]);
    assert.deepEqual(answers, ["error: away", "error: away", "c1", "b2"]);
  });

  test("or gives too few answers: the same", async () => {
    const all = setUp({ flush: async (members) => members.slice(1) });
    const answers = await submitAll(all, [
      [0, "a1"],
      [0, "a2"],
    ]);
    assert.deepEqual(answers, Array(2).fill("error: a batch of 2 was given 1 answers"));
  });

  test("or for one member alone: that one", async () => {
    const all = setUp({
      flush: async (members) =>
        members.map((member) => (member === "a1" ? Promise.reject(new Error("mine")) : Promise.resolve(member))),
    });
    assert.deepEqual(
      await submitAll(all, [
        [0, "a1"],
        [0, "a2"],
      ]),
      ["error: mine", "a2"],
    );
  });
});

test("an answer that is a promise keeps its own member waiting alone, and the batch in flight", async () => {
  const clock = new VirtualClock();
  const ends: [at_ms: number, member: string][] = [];
  const batcher = new MicroBatcher<string, string>({
    clock,
    settings: SETTINGS,
    weigh: () => ({ bytes: 1, tokens: 1 }),
    keyOf: () => "",
    flush: async (members) => members.map((member) => sleep(clock, Number(member)).then(() => member)),
  });
  for (const member of ["30", "10"]) {
    void batcher.submit(member).then(() => ends.push([clock.now_ms() - START_MS, member]));
  }
  await clock.run(() => ends.length === 1, START_MS + 1_000);
  assert.deepEqual([ends, batcher.in_flight], [[[10, "10"]], 1]);
  await clock.run(() => batcher.in_flight === 0, START_MS + 1_000);
  assert.deepEqual(ends, [
    [10, "10"],
    [30, "30"],
  ]);
});

describe("the size in force", () => {
  const full = (at_ms: number) => ["a1", "a2", "a3", "a4"].map((word) => [at_ms, word] as const);

  test("follows the latency of the flush", async () => {
    const fast = setUp();
    await submitAll(fast, full(0));
    assert.equal(fast.batcher.size, 5);
    const slow = setUp({ settings: { ...SETTINGS, latency_target_ms: CALL_MS - 1 } });
    await submitAll(slow, full(0));
    assert.equal(slow.batcher.size, 3);
  });

  test("or what the call itself took, where that is told: the first call counts", async () => {
    const flush = async (members: readonly string[], call: BatchCall) => {
      call.took(1);
      call.took(500);
      return members;
    };
    const told = setUp({ settings: { ...SETTINGS, latency_target_ms: CALL_MS - 1 }, flush });
    await submitAll(told, full(0));
    assert.equal(told.batcher.size, 5);
  });

  test("is size_max where it is fixed", () => {
    assert.equal(setUp({ sizing: "fixed" }).batcher.size, 16);
  });
});

test("a flush is told how long each member waited", async () => {
  const waits: (readonly number[])[] = [];
  const all = setUp({
    flush: async (members, { waited_ms }) => {
      waits.push(waited_ms);
      return members;
    },
  });
  await submitAll(all, [
    [0, "x"],
    [1, "a1"],
    [4, "a2"],
  ]);
  assert.deepEqual(waits, [[0], [5, 2]]);
});

describe("closing", () => {
  test("sends what collects, also beyond the room there is, and ends when all has ended", async () => {
    const all = setUp({ in_flight_max: 1 });
    const answers = ["a1", "b1", "c1"].map((word) => all.batcher.submit(word));
    let closed = false;
    void all.batcher.close().then(() => {
      closed = true;
    });
    assert.ok(await all.clock.run(() => closed, START_MS + 1_000));
    assert.deepEqual(all.left, [
      [0, "a1", "close"],
      [20, "b1", "close"],
      [40, "c1", "close"],
    ]);
    assert.deepEqual(await Promise.all(answers), ["A1", "B1", "C1"]);
    await assert.rejects(all.batcher.submit("d1"), /closed/);
  });
});

test("whatever comes when: every member is answered once, keys are not mixed, order and bounds hold", async () => {
  const word = fc.tuple(fc.nat(60), fc.constantFrom("a", "b", "c"));
  const bounds = fc.record({ in_flight_max: fc.integer({ min: 1, max: 3 }), open_max: fc.integer({ min: 1, max: 3 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { minLength: 1, maxLength: 40 }),
      bounds,
      async (arrivals, { in_flight_max, open_max }) => {
        let in_flight_most = 0;
        const all = setUp({
          in_flight_max,
          open_max,
          flush: async (members) => {
            in_flight_most = Math.max(in_flight_most, all.batcher.in_flight);
            return members.map((member) => member.toUpperCase());
          },
        });
        // Numbered in order of arrival.
        const words = arrivals
          .toSorted(([one], [other]) => one - other)
          .map(([at_ms, key], at) => [at_ms, `${key}${String(at).padStart(2, "0")}`] as const);
        const answers = await submitAll(all, words);
        assert.deepEqual(
          answers,
          words.map(([, member]) => member.toUpperCase()),
        );
        const batches = all.left.map(([, members]) => members.split(" "));
        for (const batch of batches) assert.equal(new Set(batch.map((member) => member.charAt(0))).size, 1);
        for (const key of ["a", "b", "c"]) {
          const mine = batches.flat().filter((member) => member.startsWith(key));
          assert.deepEqual(mine, mine.toSorted());
        }
        assert.equal(batches.flat().length, words.length);
        assert.ok(batches.every((batch) => batch.length <= SETTINGS.size_max));
        assert.ok(in_flight_most <= in_flight_max);
        assert.deepEqual([all.batcher.waiting, all.batcher.in_flight], [0, 0]);
      },
    ),
    { numRuns: 60 },
  );
});
