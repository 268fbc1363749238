import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { lockHolder, takeLock, waitLock } from "../../../tools/stack/lock.ts";
import { birthOf } from "../../../tools/stack/os-process.ts";

let path = "";
beforeEach((t) => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-lock-"));
  path = join(dir, "lock");
  if ("after" in t) t.after(() => rmSync(dir, { recursive: true }));
});

test("one holder at a time, named to the second", () => {
  const first = takeLock(path);
  assert.ok("release" in first);
  assert.deepEqual(takeLock(path), { held_by: { pid: process.pid, birth: birthOf(process.pid) } });
  first.release();
  assert.equal(existsSync(path), false);
  assert.ok("release" in takeLock(path));
});

test("a dead holder's lock is taken over, a reused pid does not keep it", () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, birth: "another life" }));
  assert.equal(lockHolder(path), undefined);
  const lock = takeLock(path);
  assert.ok("release" in lock);
  lock.release();
  assert.deepEqual(readdirSync(join(path, "..")), []);
});

test("a file that is no lock is replaced", () => {
  writeFileSync(path, "{");
  assert.ok("release" in takeLock(path));
});

test("waiting ends when the holder lets go, and in an error when it does not", async () => {
  const first = takeLock(path);
  assert.ok("release" in first);
  await assert.rejects(waitLock(path, 10), /too long/);
  setTimeout(first.release, 50);
  (await waitLock(path, 5_000))();
});
