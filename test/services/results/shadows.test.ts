/** Outcomes of runs: settled as any other, told on llm.shadow, and nobody's Result. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import type { Shadow } from "../../../libs/shared/events/shadow.ts";
import type { InRecord, OutRecord } from "../../../libs/shared/kafka/ports.ts";
import { createResultsHandler, type ResultsDeps } from "../../../services/results/handler.ts";
import type { Originals } from "../../../services/results/originals.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, hopRecord, jsonCodec, NAMES } from "../../support/memory-ports.ts";

const SHADOW: Shadow = { kind: "tier", name: "try", tenant: "demo", id: "r1" };
const RESERVATION = { hold_id: "h1", reserved_nusd: 9, tokens: 5, counters: [], at_ms: 1 };
const RESPONSE = Buffer.from('{"choices":[{"message":{"content":"It is Paris."}}]}');
const RESULT = { status: "succeeded", timing: {}, response: { choices: [{ message: { content: "Paris." } }] } };

function outcome(offset: number, more: Partial<OutcomeHead> = {}): InRecord {
  const head: OutcomeHead = {
    ...{ id: `run-${offset}`, tenant: "sluice.shadow.try", content_hash: "h", status: "succeeded" },
    ...{ shadow: SHADOW, reservation: RESERVATION, timing: { completed: 2 }, ...more },
  };
  return hopRecord(head, "response", RESPONSE, { topic: NAMES.outcomes, offset, headers: { traceparent: "t" } });
}

function setUp(more: Partial<ResultsDeps> = {}) {
  const asked: string[][] = [];
  const views: string[] = [];
  const published: OutRecord[][] = [];
  const originals: Originals = {
    async find(wanted) {
      asked.push(wanted.map(({ tenant, id }) => `${tenant}/${id}`));
      return wanted.map(({ id }) => (id === "r1" ? JSON.stringify(RESULT) : undefined));
    },
  };
  const handler = createResultsHandler({
    codec: jsonCodec,
    originals,
    claims: { claim: async (claims) => claims.map(({ id }) => (id === "run-9" ? "late" : "won")) },
    views: { finish: async (jobs) => void views.push(...jobs.map(({ id }) => id)) },
    cache: { answers: { finish: async () => undefined }, response_bytes_max: 100 },
    transactions: {
      async publishOnce(_source, items) {
        published.push(...items.map(({ records }) => [...records]));
        return "committed";
      },
      forget() {},
    },
    clock: new VirtualClock(7),
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    count: () => undefined,
    ...more,
  });
  const handle = (...records: readonly InRecord[]) =>
    handler(records, { isAssigned: () => true, stopping: new AbortController().signal });
  return { asked, views, published, handle };
}

const topicsOf = (records: readonly OutRecord[] = []) => records.map(({ topic }) => topic);

describe("the outcome of a run", () => {
  test("is told on llm.shadow beside the original, and settled; there is no Result and no view", async () => {
    const { views, published, handle } = setUp();
    await handle(outcome(5));
    assert.deepEqual(topicsOf(published[0]), [NAMES.shadow, NAMES.usage]);
    const [run] = published[0] ?? [];
    assert.deepEqual([run?.key, run?.headers], ["demo/r1", { traceparent: "t" }]);
    const { kind, shadow, original, run: side, at_ms } = JSON.parse(run?.value?.toString() ?? "null");
    assert.deepEqual([kind, shadow, at_ms], ["run", SHADOW, 7]);
    assert.deepEqual([original.text, side.text], ["Paris.", "It is Paris."]);
    assert.deepEqual(views, []);
  });

  test("of all runs of a batch the originals are asked for at once; without runs nothing is", async () => {
    const { asked, published, handle } = setUp();
    await handle(outcome(5), outcome(6, { shadow: { ...SHADOW, id: "gone" } }));
    assert.deepEqual(asked, [["demo/r1", "demo/gone"]]);
    assert.equal(JSON.parse(published[1]?.[0]?.value?.toString() ?? "null").original, undefined);
    const { asked: none, views, handle: other } = setUp();
    await other(outcome(5, { tenant: "demo", id: "r7" }));
    assert.deepEqual([none, views], [[], ["r7"]]);
  });

  test("that came late tells nothing", async () => {
    const { asked, published, handle } = setUp();
    await handle(outcome(9));
    assert.deepEqual([asked, published], [[], [[]]]);
  });

  test("in a tenant's own name is its Result, whatever it says", async () => {
    const { published, handle } = setUp();
    await handle(outcome(5, { tenant: "demo" }));
    assert.deepEqual(topicsOf(published[0]), [NAMES.results, NAMES.usage]);
    assert.equal(JSON.parse(published[0]?.[0]?.value?.toString() ?? "null").shadow, undefined);
  });

  test("waits while Postgres is away", async () => {
    const away = { find: () => Promise.reject(unavailable("postgres", new Error("gone"))) };
    const { published, handle } = setUp({ originals: away });
    await assert.rejects(handle(outcome(5)), { retryable: true });
    assert.deepEqual(published, []);
  });
});
