/** Files in a folder. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { openFileStorage } from "../../../../libs/shared/files/open.ts";
import type { FileStorage } from "../../../../libs/shared/files/storage.ts";
import { testFileStorage } from "../../../support/file-storage.ts";

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe("files in a folder", () => {
  let folder: string;
  let storage: FileStorage;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-files-"));
    storage = await openFileStorage(pathToFileURL(join(folder, "deep", "er")).href);
  });
  after(() => rmSync(folder, { recursive: true }));

  testFileStorage(() => storage);

  test("what a dead writer left is removed once it is old", async () => {
    await storage.write("a/b", one("x"));
    const unfinished = join(folder, "deep", "er", ".unfinished");
    writeFileSync(join(unfinished, "left"), "half of it");
    assert.equal(await storage.removeUnfinished?.(0), 0);
    assert.equal(await storage.removeUnfinished?.(Number.MAX_SAFE_INTEGER), 1);
    assert.deepEqual(readdirSync(unfinished), []);
  });

  test("a place that is no folder is a problem in words, and for writers one that may pass", async () => {
    const path = join(folder, "a-file");
    writeFileSync(path, "");
    const wrong = await openFileStorage(pathToFileURL(path).href);
    assert.match((await wrong.problems()).join(), /folder for files/);
    await assert.rejects(wrong.write("a", one("x")), isRetryable);
  });
});
