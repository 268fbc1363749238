/** Redis behind TLS with client certificates, on a server of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type RedisAddress, redisAddress } from "../../../../libs/shared/config/redis.ts";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../../../libs/shared/redis/client.ts";
import { RedisIdempotency } from "../../../../libs/shared/redis/idempotency-store.ts";
import { createPortBook } from "../../../../tools/stack/ports.ts";
import { LOCAL_CERTIFICATE, LOCAL_KEY } from "../../../support/local-certificate.ts";
import { redisBinary } from "../../../support/redis-cluster.ts";
import { CERTIFICATE } from "../../../support/test-certificate.ts";
import { until } from "../../../support/until.ts";

describe("Redis behind TLS", () => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-redis-tls-"));
  const [CERT, KEY, OTHER] = ["cert.pem", "key.pem", "other.pem"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  let server: ChildProcess;
  let port: number;
  before(async () => {
    writeFileSync(CERT, LOCAL_CERTIFICATE);
    writeFileSync(KEY, LOCAL_KEY);
    writeFileSync(OTHER, CERTIFICATE);
    port = await createPortBook().take();
    const files = ["--tls-cert-file", CERT, "--tls-key-file", KEY, "--tls-ca-cert-file", CERT];
    const args = ["--bind", "127.0.0.1", "--port", "0", "--tls-port", String(port), "--save", "", ...files];
    server = spawn(await redisBinary(), args, { cwd: dir, stdio: "ignore" });
    await once(server, "spawn");
  });
  after(async () => {
    if (server?.exitCode === null && server.kill("SIGKILL")) await once(server, "exit");
    rmSync(dir, { recursive: true, force: true });
  });

  const whole = () => ({
    REDIS_URL: `rediss://127.0.0.1:${port}`,
    REDIS_CA_FILE: CERT,
    REDIS_CERT_FILE: CERT,
    REDIS_KEY_FILE: KEY,
  });
  /** What a command says. */
  const tried = async (address: RedisAddress): Promise<unknown> => {
    const redis = connectRedis(address, "tls-test", silentLog, "tls.");
    try {
      await redisReady(redis, 2_000);
      return await new RedisIdempotency(redis, 60_000).claim("acme", "k", { id: "r1", content_hash: "aa" });
    } finally {
      redis.disconnect();
    }
  };

  test("with the authority and a certificate of its own it is Redis as ever", async () => {
    const first = await until("the server is there", async () => ({ said: await tried(redisAddress(whole())) }));
    assert.equal(first.said, undefined);
    assert.deepEqual(await tried(redisAddress(whole())), { id: "r1", content_hash: "aa" });
  });

  test("another authority, no certificate, or no TLS: nothing is said to it, and work waits", async () => {
    const { REDIS_URL, REDIS_CA_FILE } = whole();
    const addresses = [
      redisAddress({ ...whole(), REDIS_CA_FILE: OTHER }),
      redisAddress({ REDIS_URL, REDIS_CA_FILE }),
      redisAddress({ REDIS_URL }),
      redisAddress({ REDIS_URL: REDIS_URL.replace("rediss", "redis") }),
    ];
    for (const address of addresses) await assert.rejects(tried(address), isRetryable);
  });
});
