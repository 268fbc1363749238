import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takeLock } from "../../../tools/stack/lock.ts";
import { formatRunState, type RunState, readRunState, writeRunState } from "../../../tools/stack/run-file.ts";

const STATE: RunState = {
  endpoints: {
    kafka: "127.0.0.1:9092",
    schema_registry: "http://127.0.0.1:8081/apis/ccompat/v7",
    redis: "redis://127.0.0.1:6379",
    postgres: "postgres://sluice:secret@127.0.0.1:5432/sluice",
    gateway: "http://127.0.0.1:8080",
    console: "http://127.0.0.1:8080/console",
    mock_llm: null,
  },
  processes: [{ name: "inference-2", pid: 12, url: "http://127.0.0.1:40001" }],
};

test("run.json has exactly the contract's keys", () => {
  const extra = { ...STATE, processes: [{ name: "ingest", pid: 1, url: null, started_ms: 5 }], version: 1 };
  const value = JSON.parse(formatRunState(extra)) as RunState;
  assert.deepEqual(Object.keys(value), ["endpoints", "processes"]);
  const names = ["kafka", "schema_registry", "redis", "postgres", "gateway", "console", "mock_llm"];
  assert.deepEqual(Object.keys(value.endpoints), names);
  assert.deepEqual(value.processes, [{ name: "ingest", pid: 1, url: null }]);
});

test("it is found while its stack runs, and only then; only the owner may read it", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-run-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const [path, lock_path] = [join(dir, "run.json"), join(dir, "lock")];
  const lock = takeLock(lock_path);
  assert.ok("release" in lock);
  writeRunState(path, STATE);
  assert.deepEqual(readRunState(path, lock_path), STATE);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  lock.release();
  assert.equal(readRunState(path, lock_path), undefined);
});
