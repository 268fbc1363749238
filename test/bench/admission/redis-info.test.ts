import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandCalls, commandStat, infoNumber, keyCounts } from "../../../bench/admission/redis-info.ts";

const STATS = [
  "# Commandstats",
  "cmdstat_evalsha:calls=20,usec=9000,usec_per_call=450.00,rejected_calls=0,failed_calls=0",
  "cmdstat_eval:calls=1,usec=800,usec_per_call=800.00,rejected_calls=0,failed_calls=0",
  "cmdstat_config|resetstat:calls=1,usec=5,usec_per_call=5.00,rejected_calls=0,failed_calls=0",
  "cmdstat_get:calls=40,usec=60,usec_per_call=1.50,rejected_calls=0,failed_calls=0",
].join("\r\n");

describe("INFO", () => {
  test("tells of a command by its whole name", () => {
    assert.deepEqual(commandStat(STATS, "eval"), { calls: 1, us: 800 });
    assert.deepEqual(commandStat(STATS, "evalsha"), { calls: 20, us: 9000 });
    assert.deepEqual(commandStat(STATS, "incr"), { calls: 0, us: 0 });
  });

  test("tells of all commands together", () => {
    assert.equal(commandCalls(STATS), 62);
    assert.equal(commandCalls(""), 0);
  });

  test("has numbers by their whole name", () => {
    const memory = "# Memory\r\nused_memory:1000\r\nused_memory_human:1.00K\r\nused_memory_peak:2000\r\n";
    assert.equal(infoNumber(memory, "used_memory"), 1000);
    assert.equal(infoNumber(memory, "used_memory_peak"), 2000);
    assert.throws(() => infoNumber(memory, "used"));
  });

  test("counts keys, none in an empty database", () => {
    assert.deepEqual(keyCounts("# Keyspace\r\ndb0:keys=12,expires=9,avg_ttl=0\r\n"), { keys: 12, with_ttl: 9 });
    assert.deepEqual(keyCounts("# Keyspace\r\n"), { keys: 0, with_ttl: 0 });
  });
});
