/** Kafka by SASL_SSL with SCRAM, the registry by HTTPS with a password, Postgres by TLS: all certificates of a CA that only the test knows. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { describe as inWords } from "../../libs/shared/errors.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectPostgres, withPostgres } from "../../libs/shared/postgres/client.ts";
import { type Parts, startParts } from "../../tools/stack/parts.ts";
import { type Authority, makeAuthority, noOpenssl } from "../support/authority.ts";
import { sluice } from "../support/budgets.ts";
import { type Guarded, guard } from "../support/guarded.ts";
import { allLogs, type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const DIR = join(ROOT, ".sluice", "test", "secured");
const USERNAME = "sluice";
const PASSWORD = "hush-3f9a1c7d5e";

describe("parts that want TLS and a password", { skip: noOpenssl() }, () => {
  let authority: Authority;
  let stranger: Authority;
  let parts: Parts | undefined;
  let registry: Guarded | undefined;
  let pipeline: Pipeline;
  before(async () => {
    authority = makeAuthority(join(DIR, "ca"));
    stranger = makeAuthority(join(DIR, "stranger"));
    const { certificate, key } = authority;
    parts = await startParts({
      root: ROOT,
      dir: DIR,
      // The registry and Redis are the run's.
      env: { ...process.env, KAFKA_BROKERS: undefined, DATABASE_URL: undefined },
      ephemeral_ports: true,
      fresh: true,
      secured: { certificate, key, username: USERNAME, password: PASSWORD },
    });
    registry = await guard(parts.urls.schema_registry, authority, USERNAME, PASSWORD);
    pipeline = await startPipeline({
      name: "secured",
      parts: { ...parts.env, SCHEMA_REGISTRY_URL: registry.url, DATABASE_URL: withCa(parts.urls.postgres, authority) },
      env: {
        KAFKA_SSL: "true",
        KAFKA_SSL_CA_FILE: authority.ca,
        KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
        KAFKA_SASL_USERNAME: USERNAME,
        KAFKA_SASL_PASSWORD: PASSWORD,
        SCHEMA_REGISTRY_CA_FILE: authority.ca,
        SCHEMA_REGISTRY_USERNAME: USERNAME,
        SCHEMA_REGISTRY_PASSWORD: PASSWORD,
      },
    });
  });
  after(async () => {
    await pipeline?.stop();
    registry?.close();
    await parts?.stop();
  });

  test("the whole pipeline answers a request", async () => {
    const id = pipeline.id("one");
    await pipeline.produce([{ key: id, value: { id, tenant: "demo", body: chat("hello") } }]);
    assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
    assert.ok((registry?.requests() ?? 0) > 0, "the registry was asked through its door");
  });

  test("services speak TLS to Postgres, every one of them", async () => {
    const pool = connectPostgres(pipeline.env["DATABASE_URL"] ?? "", "test", 1, silentLog);
    try {
      const { rows } = await pool.query(
        `SELECT ssl, count(*)::int AS count FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name LIKE 'sluice-%' GROUP BY ssl`,
      );
      assert.equal(rows.length, 1);
      assert.equal(rows[0].ssl, true);
      assert.ok(rows[0].count > 1, "connections of services beside this one");
    } finally {
      await pool.end();
    }
  });

  test("no password is in a log", () => {
    for (const [name, text] of allLogs("secured")) assert.ok(!text.includes(PASSWORD), name);
  });

  const refusals: readonly (readonly [string, () => Record<string, string>, RegExp])[] = [
    ["Kafka's password is wrong", () => ({ KAFKA_SASL_PASSWORD: "wrong-hush" }), /KAFKA_SASL_PASSWORD/],
    ["Kafka's CA is another", () => ({ KAFKA_SSL_CA_FILE: stranger.ca }), /KAFKA_SSL_CA_FILE/],
    ["Kafka's CA is not given", () => ({ KAFKA_SSL_CA_FILE: "" }), /KAFKA_SSL_CA_FILE/],
    [
      "the registry's password is wrong",
      () => ({ SCHEMA_REGISTRY_PASSWORD: "wrong-hush" }),
      /SCHEMA_REGISTRY_PASSWORD/,
    ],
    ["the registry's CA is another", () => ({ SCHEMA_REGISTRY_CA_FILE: stranger.ca }), /SCHEMA_REGISTRY_CA_FILE/],
    ["a file is not there", () => ({ KAFKA_SSL_CA_FILE: "/none.pem" }), /KAFKA_SSL_CA_FILE: .*ENOENT/],
  ];
  for (const [what, env, told] of refusals) {
    test(`told with what to correct: ${what}`, async () => {
      const { code, err } = await sluice({ ...pipeline, env: { ...pipeline.env, ...env() } }, "topics");
      assert.notEqual(code, 0);
      assert.match(err, told);
      assert.doesNotMatch(err, /hush/);
    });
  }

  test("told with what to correct: Postgres's CA is another, its password is wrong", async () => {
    const own = new URL(pipeline.env["DATABASE_URL"] ?? "");
    assert.match(await failureOf(withCa(own.href, stranger)), /DATABASE_CA_FILE/);
    own.password = "wrong-hush";
    const told = await failureOf(own.href);
    assert.match(told, /user name and password in DATABASE_URL/);
    assert.doesNotMatch(told, /hush/);
  });
});

/** By its name, as certificates have it. */
function withCa(url: string, { ca }: Authority): string {
  const secured = new URL(url);
  secured.searchParams.set("sslmode", "verify-full");
  secured.searchParams.set("sslrootcert", ca);
  return secured.href;
}

async function failureOf(url: string): Promise<string> {
  const pool = connectPostgres(url, "test", 1, silentLog);
  try {
    await withPostgres(() => pool.query("SELECT 1"));
    return "no failure";
  } catch (error) {
    return inWords(error);
  } finally {
    await pool.end();
  }
}
