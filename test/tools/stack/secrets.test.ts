/** A stack's own folder for files, and its key. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ownSecrets } from "../../../tools/stack/secrets.ts";

test("a stack makes its key once, for its own user's eyes, and takes what the environment gives", (context) => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-secrets-"));
  context.after(() => rmSync(dir, { recursive: true }));
  const home = { dir, data: join(dir, "data") };
  const first = ownSecrets(home, {});
  assert.ok((first["SLUICE_SECRET_KEY"]?.length ?? 0) >= 43);
  assert.match(first["SLUICE_FILES_URL"] ?? "", /^file:\/\/\/.+\/data\/files$/);
  assert.equal(statSync(join(dir, "secret-key")).mode & 0o777, 0o600);
  assert.deepEqual(ownSecrets(home, {}), first);
  const given = { SLUICE_SECRET_KEY: "mine", SLUICE_FILES_URL: "s3://files/here" };
  assert.deepEqual(ownSecrets(home, given), given);
});
