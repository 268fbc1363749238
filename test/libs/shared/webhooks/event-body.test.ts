/** What a webhook tells of, and what it says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EVENT_TYPES } from "../../../../libs/shared/webhooks/event.ts";
import { eventBody, eventId, webhookEventOf } from "../../../../libs/shared/webhooks/event-body.ts";

const HEAD = { id: "r1", tenant: "demo", status: "succeeded", timing: { completed: 1_767_225_600_500 } } as const;

describe("the event of a request", () => {
  test("is by its status", () => {
    const types = (["succeeded", "failed", "rejected", "cancelled", "expired"] as const).map(
      (status) => webhookEventOf({ ...HEAD, status }, 1)?.type,
    );
    assert.deepEqual(types, [
      "request.completed",
      "request.failed",
      "request.failed",
      "request.cancelled",
      "request.expired",
    ]);
  });

  test("has the time of the outcome, and who called", () => {
    const expected = { tenant: "demo", type: "request.completed", subject: "r1", at_ms: 1_767_225_600_500 };
    assert.deepEqual(webhookEventOf(HEAD, 1), expected);
    const callback_url = "https://example.com/a";
    assert.deepEqual(webhookEventOf({ ...HEAD, callback_url }, 1), { ...expected, callback_url });
    assert.equal(webhookEventOf({ ...HEAD, timing: {} }, 7)?.at_ms, 7);
  });

  test("is none for the pipeline's own, for comparisons, for replays and for the requests of a job", () => {
    assert.equal(webhookEventOf({ ...HEAD, tenant: "sluice.cache-check" }, 1), undefined);
    assert.equal(webhookEventOf({ ...HEAD, shadow: {} as never }, 1), undefined);
    assert.equal(webhookEventOf(HEAD, 1, { replay: { id: "x", mode: "record" } }), undefined);
    assert.equal(webhookEventOf(HEAD, 1, { job: "batch_1" }), undefined);
  });

  test("has one id for each type of a subject of a tenant", () => {
    const ids = ["demo", "acme"].flatMap((tenant) =>
      EVENT_TYPES.flatMap((type) => ["a", "b"].map((subject) => eventId({ tenant, type, subject }))),
    );
    assert.equal(new Set(ids).size, 2 * EVENT_TYPES.length * 2);
    assert.match(ids[0] ?? "", /^evt_[0-9a-f]{32}$/);
  });
});

describe("the body", () => {
  const told = { event_id: "evt_1", type: "request.completed", subject: "r1", at_ms: 1_767_225_600_999 };
  const result = { id: "r1", tenant: "demo", status: "succeeded", response: { choices: [] }, timing: {} };
  const head = { id: "evt_1", object: "event", created_at: 1_767_225_600 };
  const request = { id: "r1", object: "request", status: "succeeded", url: "/v1/requests/r1" };

  test("of a request carries its Result", () => {
    const body = JSON.parse(eventBody(told, JSON.stringify(result), 10_000));
    assert.deepEqual(body, { ...head, type: "request.completed", data: { ...request, result } });
  });

  test("leaves a Result out that is large or gone", () => {
    const expected = { ...head, type: "request.completed", data: request };
    assert.deepEqual(JSON.parse(eventBody(told, JSON.stringify(result), 10)), expected);
    assert.deepEqual(JSON.parse(eventBody(told, undefined, 10_000)), expected);
  });

  test("tells failed from rejected", () => {
    const failed = { ...told, type: "request.failed" };
    const rejected = JSON.stringify({ ...result, status: "rejected" });
    assert.equal(JSON.parse(eventBody(failed, rejected, 10_000)).data.status, "rejected");
    assert.equal(JSON.parse(eventBody(failed, undefined, 10_000)).data.status, "failed");
  });

  test("of a job says where it is", () => {
    const data = (type: string) => JSON.parse(eventBody({ ...told, type, subject: "j1" }, undefined, 1)).data;
    assert.deepEqual(data("batch.expired"), { id: "j1", object: "batch", status: "expired", url: "/v1/batches/j1" });
    assert.deepEqual(data("map_reduce.completed"), {
      ...{ id: "j1", object: "map_reduce", status: "completed", url: "/v1/map-reduce/j1" },
    });
  });
});
