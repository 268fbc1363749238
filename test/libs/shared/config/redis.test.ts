import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { redisAddress } from "../../../../libs/shared/config/redis.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "../../../support/test-certificate.ts";

const dir = mkdtempSync(join(tmpdir(), "sluice-redis-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const [CA, KEY] = [join(dir, "ca.pem"), join(dir, "key.pem")];
writeFileSync(CA, CERTIFICATE);
writeFileSync(KEY, CERTIFICATE_KEY);

test("one server, as ever", () => {
  const address = { nodes: ["redis://localhost:6379/2"], cluster: false };
  assert.deepEqual(redisAddress({ REDIS_URL: "redis://localhost:6379/2" }), address);
  assert.deepEqual(redisAddress({ REDIS_URL: "redis://localhost:6379/2", REDIS_CA_FILE: "" }), address);
});

test("a cluster by some of its nodes, and TLS with certificates", () => {
  const read = redisAddress({
    REDIS_URL: "rediss://u:p@one:6379, rediss://u:p@two:6379",
    REDIS_CLUSTER: "true",
    REDIS_CA_FILE: CA,
    REDIS_CERT_FILE: CA,
    REDIS_KEY_FILE: KEY,
  });
  assert.deepEqual(read, {
    nodes: ["rediss://u:p@one:6379", "rediss://u:p@two:6379"],
    cluster: true,
    tls: { ca: CERTIFICATE, cert: CERTIFICATE, key: CERTIFICATE_KEY },
  });
});

for (const [name, variables, problem] of [
  ["another scheme", { REDIS_URL: "http://one" }, /REDIS_URL is no address/],
  ["no address", { REDIS_URL: "," }, /REDIS_URL is no address/],
  ["several nodes of no cluster", { REDIS_URL: "redis://one,redis://two" }, /several nodes/],
  ["nodes that differ", { REDIS_URL: "redis://one,rediss://two", REDIS_CLUSTER: "true" }, /differ/],
  ["a database of a cluster", { REDIS_URL: "redis://one/3", REDIS_CLUSTER: "true" }, /only 0/],
  ["a certificate without TLS", { REDIS_URL: "redis://one", REDIS_CA_FILE: CA }, /REDIS_CA_FILE is set/],
  ["half a client certificate", { REDIS_URL: "rediss://one", REDIS_CERT_FILE: CA }, /only one is set/],
  ["a file that is not there", { REDIS_URL: "rediss://one", REDIS_CA_FILE: join(dir, "none") }, /cannot be read/],
] as const) {
  test(`${name} is refused, by the name of the variable`, () => {
    assert.throws(() => redisAddress(variables), problem);
  });
}
