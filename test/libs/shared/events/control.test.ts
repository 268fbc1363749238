/** What is told to the running services, as it is written and read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CancelEvent, controlRecord, controlSchema, readControl } from "../../../../libs/shared/events/control.ts";
import { inRecord, jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const cancel: CancelEvent = { kind: "cancel", tenant: "demo", id: "r1", at_ms: 7, by: "0123456789" };
const read = (value: Parameters<typeof inRecord>[0]) => readControl(jsonCodec, inRecord(value));

describe("a control event", () => {
  test("is read as it was written, under its subject's key", async () => {
    const record = controlRecord(jsonCodec, NAMES.control, cancel);
    assert.deepEqual([record.topic, record.key], [NAMES.control, "demo/r1"]);
    assert.deepEqual(await read(record.value), cancel);
    assert.deepEqual(controlSchema.parse(cancel), cancel);
  });

  test("of a later version is passed over, and fits the registered schema", async () => {
    const later = { kind: "rollout", at_ms: 7, tier: "small", share: 0.5 };
    assert.deepEqual(controlSchema.parse(later), later);
    assert.equal(await read(later), undefined);
  });

  for (const value of [null, "x", "{", {}, { ...cancel, id: "a b" }, { ...cancel, at_ms: "7" }]) {
    test(`is not ${JSON.stringify(value)}`, async () => assert.equal(await read(value), undefined));
  }
});
