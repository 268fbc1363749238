import assert from "node:assert/strict";
import { describe, test } from "node:test";
import kafkajs from "kafkajs";
import { isUnreachable, mayPass } from "../../../../libs/shared/kafka/passing.ts";

/** As kafkajs makes them: wrapped when its retries are used up. */
function wrapped(cause: Error): Error {
  return Object.assign(new kafkajs.KafkaJSNonRetriableError("gave up"), { cause });
}

function refused(type: string, retriable = false): Error {
  return Object.assign(new Error(type), { name: "KafkaJSProtocolError", type, retriable });
}

const connection = new kafkajs.KafkaJSConnectionError("connect ECONNREFUSED", {});

const TABLE: readonly (readonly [string, unknown, { passes: boolean; unreachable: boolean }])[] = [
  ["a connection that is refused", connection, { passes: true, unreachable: true }],
  ["one behind two wrappers", wrapped(wrapped(connection)), { passes: true, unreachable: true }],
  ["a connection that broke", named("KafkaJSConnectionClosedError"), { passes: true, unreachable: true }],
  ["no answer in time", named("KafkaJSRequestTimeoutError"), { passes: true, unreachable: true }],
  ["no broker at all", wrapped(named("KafkaJSNoBrokerAvailableError")), { passes: true, unreachable: true }],
  ["a coordinator that moved", refused("NOT_COORDINATOR_FOR_GROUP"), { passes: true, unreachable: false }],
  ["a coordinator that loads", wrapped(refused("GROUP_LOAD_IN_PROGRESS")), { passes: true, unreachable: false }],
  ["a leader that moved", refused("NOT_LEADER_FOR_PARTITION", true), { passes: true, unreachable: false }],
  ["a newer holder of the id", refused("INVALID_PRODUCER_EPOCH"), { passes: false, unreachable: false }],
  ["a record that is too large", wrapped(refused("MESSAGE_TOO_LARGE")), { passes: false, unreachable: false }],
  ["a bug", new TypeError("x is undefined"), { passes: false, unreachable: false }],
  ["what is no error", "text", { passes: false, unreachable: false }],
];

function named(name: string): Error {
  return Object.assign(new Error(name), { name });
}

describe("what passes by itself", () => {
  for (const [name, error, { passes, unreachable }] of TABLE) {
    test(name, () => {
      assert.equal(mayPass(error), passes);
      assert.equal(isUnreachable(error), unreachable);
    });
  }
});
