/** Which hosts are this machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback } from "../../../cli/load/target.ts";

test("a host is this machine, or another", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"]) assert.ok(isLoopback(host), host);
  for (const host of ["10.0.0.1", "127.0.0.1.example.com", "localhost.example.com", "kafka", "0.0.0.0", "::2"]) {
    assert.ok(!isLoopback(host), host);
  }
});
