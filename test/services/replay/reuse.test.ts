/** Recorded requests, validated as now, with their recorded outcomes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import type { WebhookEvent } from "../../../libs/shared/webhooks/event.ts";
import type { Recorded, Replayed } from "../../../services/replay/contract.ts";
import { type ReuseDeps, ReuseWorker } from "../../../services/replay/reuse.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, jsonCodec, NAMES } from "../../support/memory-ports.ts";

const ANSWER = Buffer.from('{"id": "chatcmpl-1"}');
const REQUEST = { tenant: "demo", id: "r1", body: { messages: [{ role: "user", content: "hi" }] } };
const MARK = { id: "rp_1", mode: "reuse" };
const FILL = { store: true, ttl_ms: 60_000, namespace: "demo", entry_id: "e1" };

const clock = new VirtualClock();

const HEAD = {
  ...{ tenant: "demo", id: "r1", content_hash: "h", status: "succeeded", complete: true },
  route: { tier: "small", model: "m", reason: "rule", cache: "miss", attempts: 1 },
  usage: { prompt_tokens: 1, completion_tokens: 1, cost_usd: 0.5, price_version: "v", estimated: false },
  timing: { received: 1_000, completed: clock.now_ms() - 1_000 },
} as unknown as OutcomeHead;

function recorded(
  request: object | undefined,
  head?: Partial<OutcomeHead>,
  response: Buffer | undefined = ANSWER,
): Recorded {
  const source = inRecord(request ?? {}, { key: Buffer.from("r1") });
  const found = { ...HEAD, ...head } as OutcomeHead;
  const outcome = { from: "topic" as const, head: found, headers: {}, ...(response === undefined ? {} : { response }) };
  return {
    ...{ source, tenant: "demo", id: "r1", key: source.key, received_ms: 1_000, headers: {} },
    ...(request === undefined ? {} : { request: Buffer.from(JSON.stringify(request)) }),
    ...(head === undefined ? {} : { outcome, original: { ...found, content_hash: undefined } as never }),
  };
}

async function replay(one: Recorded, more: Partial<ReuseDeps> = {}): Promise<Replayed> {
  const worker = new ReuseWorker({
    ...{ replay: "rp_1", codec: jsonCodec, names: NAMES, clock },
    validation: { knowsTenant: (tenant) => tenant === "demo", principalProblem: () => undefined },
    ...more,
  });
  const { done, stopped } = await worker.run([one]);
  assert.equal(stopped, undefined);
  return done[0] as Replayed;
}

describe("reuse", () => {
  test("the recorded answer is a Result as results makes it, and costs nothing", async () => {
    const { fate, result, calls, cost_nusd, beside } = await replay(recorded(REQUEST, {}));
    assert.deepEqual([fate, calls, cost_nusd, beside], ["reused", 0, 0, []]);
    const { content_hash: _, complete: __, ...head } = HEAD;
    assert.deepEqual(result?.head, { ...head, replay: MARK });
    assert.deepEqual(result?.response, ANSWER);
  });

  test("a recorded failure is reused as well, and so is an answer whose request is gone", async () => {
    const error = { code: "provider_unavailable", type: "api_error", message: "x" };
    const failed = await replay(recorded(REQUEST, { status: "failed", error }));
    assert.deepEqual([failed.fate, failed.result?.head.error], ["reused", error]);
    assert.equal((await replay(recorded(undefined, {}))).fate, "reused");
  });

  test("what ingest refuses now is refused", async () => {
    const { fate, result } = await replay(recorded({ ...REQUEST, body: { messages: 5 } }, {}));
    assert.equal(fate, "refused");
    assert.deepEqual([result?.head.status, result?.head.error?.code], ["rejected", "invalid_request"]);
    assert.deepEqual([result?.head.id, result?.head.replay, result?.response], ["r1", MARK, undefined]);
    const stranger = await replay(recorded(REQUEST, {}), {
      validation: { knowsTenant: () => false, principalProblem: () => undefined },
    });
    assert.equal(stranger.result?.head.error?.code, "tenant_unknown");
  });

  test("refused alike then and now, its Result is the same", async () => {
    const bad = { ...REQUEST, body: { messages: 5 } };
    const first = (await replay(recorded(bad, {}))).result?.head;
    const timing = { received: 1_000, completed: 2_000 };
    const { replay: mark, ...again } =
      (await replay(recorded(bad, { status: "rejected", error: first?.error, timing }, undefined))).result?.head ?? {};
    assert.deepEqual(mark, MARK);
    assert.deepEqual(again, { id: "r1", tenant: "demo", status: "rejected", error: first?.error, timing });
  });

  test("without anything to reuse it says that recompute would call", async () => {
    const error = { code: "invalid_request", type: "invalid_request_error", message: "x" };
    for (const one of [recorded(REQUEST), recorded(REQUEST, { status: "rejected", error }, undefined)]) {
      const { fate, result } = await replay(one);
      assert.deepEqual(
        [fate, result?.head.status, result?.head.error?.code],
        ["without_record", "failed", "replay_no_record"],
      );
      assert.match(result?.head.error?.message ?? "", /recompute/);
    }
  });

  test("the cache is filled where that is wanted, with what has not expired", async () => {
    const kept = recorded(REQUEST, { fill: FILL as never });
    const fill_cache = { response_bytes_max: 1_000 };
    assert.deepEqual((await replay(kept)).beside, []);
    assert.deepEqual(
      (await replay(kept, { fill_cache })).beside?.map(({ topic }) => topic),
      [NAMES.cache],
    );
    const old = recorded(REQUEST, { fill: FILL as never, timing: { received: 1, completed: 2 } });
    assert.deepEqual((await replay(old, { fill_cache })).beside, []);
  });

  test("webhooks are told where that is wanted, by events of the replay's own, of Results that still hold", async () => {
    const told: WebhookEvent[] = [];
    const outbox = { add: async (events: readonly WebhookEvent[]) => void told.push(...events) };
    await replay(recorded(REQUEST, {}), { outbox });
    await replay(recorded({ ...REQUEST, body: { messages: 5 } }, {}), { outbox });
    assert.deepEqual(
      told.map(({ tenant, type, subject, replay: by }) => [tenant, type, subject, by]),
      [["demo", "request.completed", "r1", "rp_1"]],
    );
  });
});
