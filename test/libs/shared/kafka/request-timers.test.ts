import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { createKafka } from "../../../../libs/shared/kafka/client.ts";
import { silentLog } from "../../../../libs/shared/log.ts";

type Queue = {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  scheduleCheckPendingRequests(): void;
  checkPendingRequests(): void;
  destroy(): void;
};
const Queue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue") as { readonly prototype: Queue };

function queue(changes: Partial<Queue>): Queue {
  createKafka({ brokers: ["127.0.0.1:1"], client_id: "test", log: silentLog });
  const made = Object.create(Queue.prototype) as Queue;
  return Object.assign(made, { pending: [], throttledUntil: -1, throttleCheckTimeoutId: null }, changes);
}

test("no timer is set where no request waits", () => {
  const idle = queue({});
  idle.scheduleCheckPendingRequests();
  assert.equal(idle.throttleCheckTimeoutId, null);
});

test("requests that wait are looked for", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000 });
  for (const busy of [queue({ pending: [{}] }), queue({ throttledUntil: 5_000 })]) {
    busy.scheduleCheckPendingRequests();
    assert.notEqual(busy.throttleCheckTimeoutId, null);
    busy.destroy();
  }
});
