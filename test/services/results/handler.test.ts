/** Results on ports in memory: the order of the three steps, and what each outcome causes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import type { InRecord, TransactionItem } from "../../../libs/shared/kafka/ports.ts";
import { type Claim, type ClaimVerdict, claimVerdict } from "../../../services/results/claims.ts";
import { createResultsHandler, type ResultsDeps } from "../../../services/results/handler.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, hopRecord, inRecord, jsonCodec, NAMES } from "../../support/memory-ports.ts";

const RESPONSE = Buffer.from('{"choices":[]}');
const outcome = (id: string, content_hash = "h"): OutcomeHead => ({
  ...{ id, tenant: "demo", content_hash, status: "succeeded", timing: { received: 1, completed: 2 } },
});
const record = (id: string, partition: number, offset: number, content_hash?: string): InRecord =>
  hopRecord(outcome(id, content_hash), "response", RESPONSE, {
    ...{ topic: NAMES.outcomes, partition, offset, headers: { "sluice-reply-to": "gateway-1" } },
  });

const RESERVATION = { hold_id: "h1", reserved_nusd: 9, tokens: 5, counters: [], at_ms: 1 };
/** An outcome that something is held for. */
const held = (id: string, offset: number, more: Partial<OutcomeHead> = {}): InRecord =>
  hopRecord({ ...outcome(id), reservation: RESERVATION, unknown_calls: 1, ...more }, "response", RESPONSE, {
    ...{ topic: NAMES.outcomes, offset, headers: { traceparent: "t", "sluice-reply-to": "gateway-1" } },
  });

function setUp(more: Partial<ResultsDeps> = {}) {
  const steps: string[] = [];
  const published = new Map<number, TransactionItem[]>();
  const claims = new Map<string, Claim>();
  const counts: string[] = [];
  const handler = createResultsHandler({
    codec: jsonCodec,
    claims: {
      async claim(asked): Promise<ClaimVerdict[]> {
        steps.push(`claim ${asked.length}`);
        return asked.map((claim) => {
          const holder = claims.get(claim.id) ?? claim;
          claims.set(claim.id, holder);
          return claimVerdict(claim, holder);
        });
      },
    },
    views: {
      finish: async (jobs) => void steps.push(`views ${jobs.map(({ id, reply_to }) => `${id}>${reply_to}`).join(" ")}`),
    },
    cache: {
      answers: {
        finish: async (answers, leads) => {
          steps.push(`cache +${answers.map(({ answer }) => answer.entry_id)} -${leads.map(({ id }) => id)}`);
        },
      },
      response_bytes_max: 100,
    },
    transactions: {
      async publishOnce({ partition }, items) {
        steps.push(`publish ${partition}`);
        published.set(partition, [...(published.get(partition) ?? []), ...items]);
        return "committed";
      },
      forget() {},
    },
    clock: new VirtualClock(),
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    count: (verdict) => counts.push(verdict),
    ...more,
  });
  const handle = (records: readonly InRecord[], assigned = true) =>
    handler(records, { isAssigned: () => assigned, stopping: new AbortController().signal });
  return { steps, published, counts, handle };
}

describe("results", () => {
  test("claims, writes the views, then publishes with the offset: in that order", async () => {
    const { steps, published, handle } = setUp();
    await handle([record("a", 0, 5), record("b", 1, 9), record("c", 0, 6)]);
    assert.deepEqual(steps, ["claim 3", "views a>gateway-1 b>gateway-1 c>gateway-1", "publish 0", "publish 1"]);
    assert.deepEqual(
      published.get(0)?.map(({ offset }) => offset),
      [5, 6],
    );
    const [result] = published.get(1)?.[0]?.records ?? [];
    assert.equal(result?.topic, NAMES.results);
    assert.deepEqual(JSON.parse(result?.value?.toString() ?? ""), {
      ...{ id: "b", tenant: "demo", status: "succeeded", timing: { received: 1, completed: 2 } },
      response: { choices: [] },
    });
  });

  test("a second outcome of a request is dropped, and its offset still moves", async () => {
    const { published, counts, handle } = setUp();
    await handle([record("a", 0, 5), record("a", 0, 6)]);
    assert.deepEqual(counts, ["won", "late"]);
    assert.deepEqual(
      published.get(0)?.map(({ records }) => records.length),
      [1, 0],
    );
  });

  test("an outcome of other content is a dead letter; so is what cannot be read", async () => {
    const { published, counts, handle } = setUp();
    const unreadable = inRecord("junk", { topic: NAMES.outcomes, offset: 7 });
    const strange = inRecord({ hello: 1 }, { topic: NAMES.outcomes, offset: 8 });
    await handle([record("a", 0, 5), record("a", 0, 6, "other"), unreadable, strange]);
    assert.deepEqual(counts, ["won", "conflict", "dead_letter", "dead_letter"]);
    const codes = published.get(0)?.map(({ records }) => records[0]?.headers?.["sluice-error-code"]);
    assert.deepEqual(codes, [undefined, "id_conflict", "not_json", "event_invalid"]);
  });

  test("works on the same outcome again as if it had never been", async () => {
    const { published, handle } = setUp();
    await handle([record("a", 0, 5)]);
    await handle([record("a", 0, 5)]);
    const [first, second] = published.get(0) ?? [];
    assert.deepEqual(first, second);
  });

  test("puts a whole answer into the cache before the result, and its entry with the result; every lead ends", async () => {
    const fill = { entry_id: "e1", namespace: "n1", ttl_ms: 1_000, store: true };
    const { steps, published, handle } = setUp();
    const route = { tier: "small", model: "m", reason: "", cache: "miss", attempts: 1 } as const;
    const counts = { prompt_tokens: 1, cached_prompt_tokens: 0, completion_tokens: 1, cost_usd: 0.5 };
    const usage = { ...counts, price_version: "v", estimated: false };
    const filling = { fill, complete: true, route, usage };
    const failed = { ...filling, status: "failed" } as const;
    const other = { ...filling, content_hash: "other" };
    await handle([
      held("a", 5, filling),
      held("a", 6, filling),
      held("a", 7, other),
      held("b", 8, failed),
      held("c", 9),
    ]);
    assert.deepEqual(steps.slice(0, 3), ["claim 5", "views a>gateway-1 b>gateway-1 c>gateway-1", "cache +e1 -a,a,a,b"]);
    const [result, , entry] = published.get(0)?.[0]?.records ?? [];
    assert.deepEqual([entry?.topic, entry?.key], [NAMES.cache, "n1:e1"]);
    const { response, ...head } = JSON.parse(entry?.value?.toString() ?? "");
    assert.deepEqual([head.tenant, head.request_id, head.expires_ms, response], ["demo", "a", 1_002, { choices: [] }]);
    assert.doesNotMatch(result?.value?.toString() ?? "", /fill|complete"/);
    const entries = published.get(0)?.map(({ records }) => records.filter(({ topic }) => topic === NAMES.cache).length);
    assert.deepEqual(entries, [1, 0, 0, 0, 0]);
  });

  test("settles what was held in the same transaction as the result, by tenant; the result says nothing of it", async () => {
    const settled: string[] = [];
    const { published, handle } = setUp({ settled: ({ id, kind }) => settled.push(`${id} ${kind}`) });
    await handle([held("a", 5), held("b", 6, { unknown_calls: 0 })]);
    const [result, entry] = published.get(0)?.[0]?.records ?? [];
    assert.deepEqual([result?.topic, entry?.topic, entry?.key], [NAMES.results, NAMES.usage, "demo"]);
    assert.deepEqual(entry?.headers, { traceparent: "t" });
    const { kind, cause, hold_id, settled_nusd } = JSON.parse(entry?.value?.toString() ?? "");
    assert.deepEqual([kind, cause, hold_id, settled_nusd], ["settled", "unknown_call", "h1", 9]);
    assert.deepEqual(Object.keys(JSON.parse(result?.value?.toString() ?? "")).toSorted(), [
      "id",
      "response",
      "status",
      "tenant",
      "timing",
    ]);
    assert.deepEqual(settled, ["a settled", "b released"]);
  });

  test("settles once: whoever is late or of other content neither settles nor gives back", async () => {
    const { published, counts, handle } = setUp();
    await handle([held("a", 5), held("a", 6), held("a", 7, { content_hash: "other" })]);
    assert.deepEqual(counts, ["won", "late", "conflict"]);
    const topics = published.get(0)?.map(({ records }) => records.map(({ topic }) => topic));
    assert.deepEqual(topics, [[NAMES.results, NAMES.usage], [], [NAMES.dlq]]);
  });

  test("tells the waiting gateway what is left of the limits", async () => {
    const rooms: (string | undefined)[] = [];
    const views: ResultsDeps["views"] = {
      finish: async (jobs) => void rooms.push(...jobs.map((job) => job.rate_room)),
    };
    const { handle } = setUp({ views });
    const limited = record("b", 0, 6);
    await handle([record("a", 0, 5), { ...limited, headers: { ...limited.headers, "sluice-ratelimit": "r=9,8,7" } }]);
    assert.deepEqual(rooms, [undefined, "r=9,8,7"]);
  });

  test("publishes nothing while Postgres or Redis is away", async () => {
    const away = async (): Promise<never> => {
      throw unavailable("postgres", new Error("gone"));
    };
    for (const more of [{ claims: { claim: away } }, { views: { finish: away } }]) {
      const { published, handle } = setUp(more);
      await assert.rejects(handle([record("a", 0, 5)]), { retryable: true });
      assert.equal(published.size, 0);
    }
  });

  test("fenced while still assigned takes the partition back; fenced as a stranger gives it up", async () => {
    const transactions = { publishOnce: async () => "fenced" as const, forget() {} };
    await assert.rejects(setUp({ transactions }).handle([record("a", 0, 5)]), {
      ...{ code: "producer_fenced", retryable: true },
    });
    await setUp({ transactions }).handle([record("a", 0, 5)], false);
  });

  test("one partition's failure waits for the others' transactions to end", async () => {
    const ended: number[] = [];
    const transactions: ResultsDeps["transactions"] = {
      async publishOnce({ partition }) {
        if (partition === 0) throw unavailable("kafka", new Error("gone"));
        await new Promise((resolve) => setImmediate(resolve));
        ended.push(partition);
        return "committed";
      },
      forget() {},
    };
    await assert.rejects(setUp({ transactions }).handle([record("a", 0, 5), record("b", 1, 5)]));
    assert.deepEqual(ended, [1]);
  });
});
