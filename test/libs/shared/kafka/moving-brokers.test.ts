import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { outliveBrokers } from "../../../../libs/shared/kafka/moving-brokers.ts";

type Prototype = {
  heartbeat(options: unknown): Promise<void>;
  recoverFromFetch(error: unknown): Promise<void>;
};
const { prototype } = createRequire(import.meta.url)("kafkajs/src/consumer/consumerGroup") as { prototype: Prototype };
const own = { heartbeat: prototype.heartbeat, recoverFromFetch: prototype.recoverFromFetch };

const SESSION_MS = 6_000;
const connection = Object.assign(new Error("connect ECONNREFUSED"), { name: "KafkaJSConnectionError" });
const wrapped = Object.assign(new Error("gave up"), { name: "KafkaJSNonRetriableError", originalError: connection });

/** A member as far as its brokers matter. */
function member(search: () => Promise<unknown> = async () => "found"): Prototype & {
  coordinator: unknown;
  offsetManager: { coordinator: unknown };
  refreshes: number;
} {
  const made = Object.assign(Object.create(prototype), {
    groupId: "g",
    sessionTimeout: SESSION_MS,
    coordinator: "old",
    offsetManager: { coordinator: "old" },
    refreshes: 0,
    cluster: {
      refreshMetadata: async () => {
        made.refreshes += 1;
      },
      findGroupCoordinator: search,
    },
  });
  return made;
}

describe("a member over the death of a broker", () => {
  let now_ms = 0;
  let heartbeat: () => Promise<void>;
  let recovered: unknown[];
  beforeEach(() => {
    now_ms = 0;
    heartbeat = async () => undefined;
    recovered = [];
    prototype.heartbeat = () => heartbeat();
    prototype.recoverFromFetch = async (error) => {
      recovered.push(error);
    };
    outliveBrokers(() => now_ms);
    mock.timers.enable({ apis: ["setTimeout"] });
  });
  afterEach(() => {
    mock.timers.reset();
    Object.assign(prototype, own);
  });

  test("heartbeats that nobody answers are forgiven for a session, while the coordinator is looked for", async () => {
    const one = member();
    heartbeat = () => Promise.reject(wrapped);
    await one.heartbeat({});
    await new Promise(setImmediate);
    assert.deepEqual([one.coordinator, one.offsetManager.coordinator, one.refreshes], ["found", "found", 1]);
    now_ms = SESSION_MS;
    await one.heartbeat({});
    now_ms = SESSION_MS + 1;
    await assert.rejects(one.heartbeat({}), wrapped);
    await one.heartbeat({});
  });

  test("an answer ends the silence", async () => {
    const one = member();
    heartbeat = () => Promise.reject(connection);
    await one.heartbeat({});
    now_ms = SESSION_MS;
    heartbeat = async () => undefined;
    await one.heartbeat({});
    now_ms = 2 * SESSION_MS;
    heartbeat = () => Promise.reject(connection);
    await one.heartbeat({});
  });

  test("a coordinator that says no is heard at once", async () => {
    const refusal = Object.assign(new Error("unknown"), { type: "UNKNOWN_MEMBER_ID" });
    heartbeat = () => Promise.reject(refusal);
    await assert.rejects(member().heartbeat({}), refusal);
  });

  for (const [name, error] of [
    ["a broker that is away", wrapped],
    ["a leader that moved", Object.assign(new Error("moved"), { type: "NOT_LEADER_FOR_PARTITION" })],
  ] as const) {
    test(`a fetch from ${name} is asked again, and the member stays`, async () => {
      const one = member();
      const done = one.recoverFromFetch(error);
      mock.timers.tick(100);
      await done;
      assert.equal(one.refreshes, 1);
      assert.deepEqual(recovered, []);
    });
  }

  test("what else a fetch meets is left to kafkajs", async () => {
    const error = Object.assign(new Error("out of range"), { name: "KafkaJSOffsetOutOfRange" });
    await member().recoverFromFetch(error);
    assert.deepEqual(recovered, [error]);
  });

  test("one search at a time, and a new one after one that failed", async () => {
    const { promise, reject } = Promise.withResolvers<unknown>();
    const one = member(() => promise);
    heartbeat = () => Promise.reject(connection);
    await one.heartbeat({});
    await one.heartbeat({});
    await new Promise(setImmediate);
    assert.equal(one.refreshes, 1);
    reject(connection);
    await new Promise(setImmediate);
    assert.equal(one.coordinator, "old");
    await one.heartbeat({});
    await new Promise(setImmediate);
    assert.equal(one.refreshes, 2);
  });
});
