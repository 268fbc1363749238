/** Files in a bucket, on a server that speaks S3. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateMultipartUploadCommand, S3Client } from "@aws-sdk/client-s3";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { openFileStorage } from "../../../../libs/shared/files/open.ts";
import type { FileStorage } from "../../../../libs/shared/files/storage.ts";
import { NO_S3_SERVER, type S3Server, startS3Server } from "../../../../tools/test/s3-server.ts";
import { testFileStorage } from "../../../support/file-storage.ts";

const BUCKET = "files-of-tests";
Object.assign(process.env, { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_MAX_ATTEMPTS: "1" });
const openAt = (endpoint: string, bucket = BUCKET) =>
  openFileStorage(`s3://${bucket}/some/where?endpoint=${encodeURIComponent(endpoint)}&path_style=true`);

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe("files in a bucket", { skip: NO_S3_SERVER ?? false }, () => {
  let server: S3Server;
  let storage: FileStorage;
  before(async () => {
    server = await startS3Server(BUCKET);
    storage = await openAt(server.endpoint);
  });
  after(() => server.stop());

  testFileStorage(() => storage);

  test("what a dead writer left is removed once it is old", async () => {
    const client = new S3Client({ endpoint: server.endpoint, region: "us-east-1", forcePathStyle: true });
    await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: "some/where/a/left" }));
    assert.equal(await storage.removeUnfinished?.(0), 0);
    assert.equal(await storage.removeUnfinished?.(Number.MAX_SAFE_INTEGER), 1);
    assert.equal(await storage.removeUnfinished?.(Number.MAX_SAFE_INTEGER), 0);
  });

  test("a bucket that does not exist is a problem in words", async () => {
    const wrong = await openAt(server.endpoint, "another");
    assert.deepEqual(await wrong.problems(), ["the bucket another for files does not exist"]);
    await assert.rejects(wrong.write("a", one("x")), isRetryable);
  });
});

test("a bucket that is away is a problem in words, and for callers one that may pass", async () => {
  const away = await openAt("http://127.0.0.1:1");
  assert.match((await away.problems()).join(), /is away/);
  await assert.rejects(away.write("a", one("x")), isRetryable);
  await assert.rejects(away.remove("a"), isRetryable);
  await assert.rejects(async () => {
    for await (const _ of away.read("a"));
  }, isRetryable);
});
