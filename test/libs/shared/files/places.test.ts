/** Where files are kept, as a URL says it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilesUrl } from "../../../../libs/shared/files/places.ts";

test("a folder", () => {
  assert.deepEqual(parseFilesUrl("file:///var/lib/sluice%20files"), { kind: "disk", folder: "/var/lib/sluice files" });
});

test("a bucket, with all there is to say of it or nothing", () => {
  const plain = { kind: "s3", bucket: "b", prefix: "", endpoint: undefined, region: undefined, path_style: false };
  assert.deepEqual(parseFilesUrl("s3://b"), plain);
  assert.deepEqual(parseFilesUrl("s3://b/some/where/"), { ...plain, prefix: "some/where" });
  const url = `s3://b/x?endpoint=${encodeURIComponent("http://minio:9000")}&region=eu-west-1&path_style=true`;
  const all = { prefix: "x", endpoint: "http://minio:9000", region: "eu-west-1", path_style: true };
  assert.deepEqual(parseFilesUrl(url), { ...plain, ...all });
  assert.deepEqual(parseFilesUrl("s3://b?endpoint=http://minio:9000"), {
    ...plain,
    ...{ endpoint: "http://minio:9000", region: "us-east-1" },
  });
});

test("anything else is a setting that is wrong, and says why", () => {
  for (const [url, why] of [
    ["", /no URL/],
    ["/var/lib", /no URL/],
    ["https://b.example", /a https: URL/],
    ["file://host/a", /three slashes/],
    ["file:///a?b=c", /no parameters/],
    ["s3:///x", /no bucket/],
    ["s3://key:secret@b", /AWS_ACCESS_KEY_ID/],
    ["s3://b/a/.hidden", /prefix/],
    ["s3://b?endpont=x", /"endpont" is none of/],
    ["s3://b?endpoint=minio:9000", /endpoint/],
    ["s3://b?path_style=yes", /path_style/],
  ] as const) {
    assert.throws(() => parseFilesUrl(url), { code: "settings_invalid", message: why }, url);
  }
});
