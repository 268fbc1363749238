import assert from "node:assert/strict";
import { test } from "node:test";
import { javaMajor, platformOf, postgresPlatform, redisBinary, redisVersion } from "../../../tools/stack/versions.ts";

test("java's major version is read from every way it prints one", () => {
  assert.equal(javaMajor('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime'), 17);
  assert.equal(javaMajor('openjdk version "21" 2023-09-19'), 21);
  assert.equal(javaMajor('openjdk version "25-ea" 2025-09-16'), 25);
  assert.equal(javaMajor('java version "1.8.0_412"'), 8);
  assert.equal(javaMajor("The operation couldn't be completed. Unable to locate a Java Runtime."), undefined);
});

test("the version of redis-server, or of its fork", () => {
  assert.deepEqual(redisVersion("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), [7, 0]);
  assert.deepEqual(redisVersion("Valkey server v=8.1.0 sha=00000000:0"), [8, 1]);
  assert.equal(redisVersion(""), undefined);
});

test("platforms in the packages' words", () => {
  assert.deepEqual(platformOf("linux", "x64"), { os: "linux", arch: "amd64" });
  assert.deepEqual(platformOf("darwin", "arm64"), { os: "darwin", arch: "arm64" });
  assert.equal(platformOf("win32", "x64"), undefined);
  assert.equal(platformOf("linux", "ia32"), undefined);
  assert.equal(postgresPlatform({ os: "linux", arch: "amd64" }), "linux-amd64");
  assert.equal(postgresPlatform({ os: "darwin", arch: "arm64" }), "darwin-arm64v8");
});

test("one redis-server out of the jar's files", () => {
  const names = ["META-INF", "redis-server-6.2.6-v5-linux-amd64", "redis-server-6.2.7-linux-arm64"];
  assert.equal(redisBinary(names, { os: "linux", arch: "arm64" }), "redis-server-6.2.7-linux-arm64");
  assert.equal(redisBinary(names, { os: "darwin", arch: "arm64" }), undefined);
});
