/** What a replay sends again, and runs of redrives: on ports in memory, with crashes between the steps. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import type { InRecord, TransactionItem } from "../../../libs/shared/kafka/ports.ts";
import { type Claim, claimVerdict } from "../../../services/results/claims.ts";
import { replayTopics } from "../../../services/results/correction-store.ts";
import type { Correction } from "../../../services/results/corrections.ts";
import { createResultsHandler } from "../../../services/results/handler.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, hopRecord, jsonCodec, NAMES } from "../../support/memory-ports.ts";

const RESPONSE = Buffer.from('{"choices":[]}');
const RESERVATION = { hold_id: "h1", reserved_nusd: 9, tokens: 5, counters: [], at_ms: 1 };
const DAY_MS = 86_400_000;
const clock = new VirtualClock();

const outcome = (id: string, offset: number, more: Partial<OutcomeHead> = {}, headers = {}): InRecord => {
  const timing = { received: clock.now_ms() - 2, completed: clock.now_ms() - 1 };
  const head = {
    id,
    tenant: "demo",
    content_hash: "h",
    status: "succeeded",
    timing,
    reservation: RESERVATION,
    ...more,
  };
  return hopRecord(head, "response", RESPONSE, {
    ...{ topic: NAMES.outcomes, offset, headers: { "sluice-reply-to": "gateway-1", "sluice-job": "j", ...headers } },
  });
};
/** An outcome that a stage sends again. */
const again = (of: InRecord, offset: number, replay = "rp1"): InRecord => {
  const place = `${of.topic} ${of.partition} ${of.offset}`;
  const headers = { ...of.headers, "sluice-replay": JSON.stringify({ id: replay, mode: "stage", place }) };
  return { ...of, offset, headers };
};
const run = (n: number, offset: number, more: Partial<OutcomeHead> = {}): InRecord =>
  outcome(`a.redrive${n}`, offset, { replay: { id: "redrive-1", mode: "redrive", of: "a" }, ...more });

function setUp() {
  const claims = new Map<string, Claim>();
  const rows = new Map<string, { status: string; by?: string }>();
  const published = new Map<number, TransactionItem>();
  const log: string[] = [];
  let position = 0;
  let failing = "";
  const step = (name: string): void => {
    log.push(name.split(" ")[0] ?? "");
    if (failing === name) throw unavailable("kafka", new Error("gone"));
  };
  const handler = createResultsHandler({
    codec: jsonCodec,
    claims: {
      async claim(asked) {
        return asked.map((claim) => {
          const holder = claims.get(claim.id) ?? claim;
          if (!claims.has(claim.id)) rows.set(claim.id, { status: claim.row.status });
          claims.set(claim.id, holder);
          return claimVerdict(claim, holder);
        });
      },
    },
    corrections: {
      store: {
        async correct(corrections: readonly Correction[]) {
          step("rows");
          return corrections.map(({ id, kind, replay, row }) => {
            const kept = rows.get(id);
            const open = kind === "stage" || kept?.status === "failed" || kept?.by === replay;
            if (kept === undefined || !open) return false;
            rows.set(id, { status: row.status, by: replay });
            return true;
          });
        },
      },
      hasTopic: async (replay) => replay !== "nowhere",
      claims_keep_ms: 30 * DAY_MS,
    },
    views: { finish: async (jobs) => step(`views ${jobs.map(({ id, reply_to }) => `${id}>${reply_to}`).join(",")}`) },
    cache: { answers: { finish: async () => void log.push("cache") }, response_bytes_max: 1_000 },
    outbox: { add: async () => void log.push("webhook") },
    wakeJobs: () => void log.push("job"),
    transactions: {
      async publishOnce(_, items) {
        step("publish");
        for (const item of items.filter(({ offset }) => offset >= position)) {
          published.set(item.offset, item);
          position = item.offset + 1;
        }
        return "committed";
      },
      forget() {},
    },
    clock,
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    count: () => undefined,
  });
  const handle = async (records: readonly InRecord[]): Promise<void> => {
    await handler(records, { isAssigned: () => true, stopping: new AbortController().signal });
  };
  const topics = (offset: number) => published.get(offset)?.records.map(({ topic }) => topic);
  const crashAt = (name: string): void => {
    failing = name;
  };
  return { handle, topics, published, rows, claims, log, crashAt };
}

const valueAt = (published: ReadonlyMap<number, TransactionItem>, offset: number) =>
  JSON.parse(published.get(offset)?.records[0]?.value?.toString() ?? "null");

describe("an outcome that a stage sends again", () => {
  test("corrects the row and the view, and stands on the replay's topic alone", async () => {
    const { handle, topics, published, rows, log } = setUp();
    const first = outcome("a", 0);
    await handle([first]);
    assert.deepEqual(topics(0), [NAMES.results, NAMES.usage]);
    log.length = 0;
    await handle([again(first, 1)]);
    assert.deepEqual(topics(1), [NAMES.replay("rp1")]);
    assert.deepEqual(rows.get("a"), { status: "succeeded", by: "rp1" });
    assert.deepEqual(log, ["views", "rows", "views", "publish"]);
    const { id, replay, response } = valueAt(published, 1);
    assert.deepEqual([id, replay, response], ["a", { id: "rp1", mode: "stage" }, { choices: [] }]);
  });

  test("is one Result of its replay, whatever step a crash comes before", async () => {
    for (const step of ["rows", "views a>undefined", "publish"]) {
      const { handle, published, rows, crashAt } = setUp();
      const first = outcome("a", 0);
      await handle([first]);
      crashAt(step);
      await assert.rejects(handle([again(first, 1)]), { code: "dependency_unavailable" });
      crashAt("");
      await handle([again(first, 1)]);
      await handle([again(first, 1)]);
      assert.equal(published.size, 2, step);
      assert.deepEqual(rows.get("a"), { status: "succeeded", by: "rp1" });
    }
  });

  test("in the same batch as the first time corrects what was just written", async () => {
    const { handle, topics } = setUp();
    const first = outcome("a", 0);
    await handle([first, again(first, 1)]);
    assert.deepEqual([topics(0), topics(1)], [[NAMES.results, NAMES.usage], [NAMES.replay("rp1")]]);
  });

  test("that never became a Result is one as any first outcome, also where its first try died", async () => {
    const { handle, topics, crashAt } = setUp();
    const lost = outcome("a", 0);
    crashAt("publish");
    await assert.rejects(handle([again(lost, 1)]));
    crashAt("");
    await handle([again(lost, 1)]);
    assert.deepEqual(topics(1), [NAMES.results, NAMES.usage]);
  });

  test("of a request that has another Result changes nothing; nor is it a second dead letter", async () => {
    const { handle, topics } = setUp();
    const [first, second, other] = [outcome("a", 0), outcome("a", 1), outcome("a", 2, { content_hash: "other" })];
    await handle([first, second, other]);
    await handle([again(second, 3), again(other, 4)]);
    assert.deepEqual([topics(2), topics(3), topics(4)], [[NAMES.dlq], [], []]);
  });

  test("long after claims are forgotten is passed over: it may have had its Result", async () => {
    const { handle, topics, claims } = setUp();
    const old = outcome("a", 0, { timing: { completed: clock.now_ms() - 31 * DAY_MS } });
    await handle([again(old, 1)]);
    assert.deepEqual([topics(1), claims.size], [[], 0]);
  });

  test("of a replay without a topic corrects the row, and nothing is written where nobody reads", async () => {
    const { handle, topics, rows } = setUp();
    const first = outcome("a", 0);
    await handle([first]);
    await handle([again(first, 1, "nowhere")]);
    assert.deepEqual([topics(1), rows.get("a")?.by], [[], "nowhere"]);
  });

  test("marked by the stage of an earlier service is an ordinary one", async () => {
    const { handle, topics } = setUp();
    const mark = JSON.stringify({ id: "rp1", mode: "stage", place: `${NAMES.admitted} 0 0` });
    await handle([outcome("a", 0, {}, { "sluice-replay": mark })]);
    assert.deepEqual(topics(0), [NAMES.results, NAMES.usage]);
  });
});

describe("a redrive's run", () => {
  test("that succeeds settles its own hold, calls nobody, and answers the request that had failed", async () => {
    const { handle, topics, published, rows, log } = setUp();
    await handle([outcome("a", 0, { status: "failed" })]);
    log.length = 0;
    await handle([run(1, 1)]);
    assert.deepEqual(topics(1), [NAMES.replay("redrive-1"), NAMES.usage]);
    assert.deepEqual(rows.get("a"), { status: "succeeded", by: "redrive-1" });
    assert.deepEqual(rows.get("a.redrive1"), { status: "succeeded" });
    assert.ok(!log.includes("webhook") && !log.includes("job"));
    const { id, replay } = valueAt(published, 1);
    assert.deepEqual([id, replay], ["a.redrive1", { id: "redrive-1", mode: "redrive", of: "a" }]);
  });

  test("that fails, or whose request has ended well, changes nothing but its own row", async () => {
    const { handle, topics, rows } = setUp();
    await handle([outcome("a", 0, { status: "failed" })]);
    await handle([run(1, 1, { status: "failed" })]);
    assert.deepEqual(topics(1), [NAMES.replay("redrive-1"), NAMES.usage]);
    assert.deepEqual(rows.get("a"), { status: "failed" });
    const well = setUp();
    await well.handle([outcome("a", 0)]);
    await well.handle([run(1, 1)]);
    assert.deepEqual(well.rows.get("a"), { status: "succeeded" });
  });

  test("is settled and told of once, whatever step a crash comes before", async () => {
    for (const step of ["rows", "publish"]) {
      const { handle, topics, rows, crashAt } = setUp();
      await handle([outcome("a", 0, { status: "failed" })]);
      crashAt(step);
      await assert.rejects(handle([run(1, 1)]));
      crashAt("");
      await handle([run(1, 1)]);
      assert.deepEqual(topics(1), [NAMES.replay("redrive-1"), NAMES.usage]);
      assert.equal(rows.get("a")?.by, "redrive-1");
    }
  });
});

test("topics of replays are looked up once for many, and again after a while", async () => {
  let lists = 0;
  let now_ms = 0;
  const list = async (): Promise<string[]> => {
    lists += 1;
    return [NAMES.replay("rp1")];
  };
  const has = replayTopics({ list }, NAMES, () => now_ms);
  assert.deepEqual([await has("rp1"), await has("rp1"), await has("rp2"), lists], [true, true, false, 1]);
  now_ms = 6_000;
  assert.deepEqual([await has("rp1"), lists], [true, 2]);
});
