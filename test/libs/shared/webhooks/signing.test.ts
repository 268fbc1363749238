/** What we sign is what the clients of Standard Webhooks and of OpenAI take. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import OpenAI from "openai";
import { Webhook } from "standardwebhooks";
import { secretsOf, secretText, signedHeaders, webhookSecret } from "../../../../libs/shared/webhooks/signing.ts";

const KEY = "a key of the service that is long enough";
const OWNER = { tenant: "demo", id: "wh_1", secret_version: 1, old_secret_until_ms: null };
const secret = (version: number): string => secretText(webhookSecret(KEY, "demo", "wh_1", version));

const openai = new OpenAI({ apiKey: "none" });
const unwrap = (body: string, headers: Record<string, string>, whsec: string) =>
  openai.webhooks.unwrap(body, headers, whsec);
const verify = (body: string, headers: Record<string, string>, whsec: string) =>
  new Webhook(whsec).verify(body, headers);

/** Both clients compare with the time that it is. */
const now_ms = Date.now();

describe("a signature", () => {
  const body = JSON.stringify({
    id: "evt_1",
    object: "event",
    created_at: 1,
    type: "request.completed",
    data: { id: "ü" },
  });

  test("is accepted by openai's unwrap and by standardwebhooks", async () => {
    const headers = signedHeaders("evt_1", now_ms, body, secretsOf(KEY, OWNER, now_ms));
    assert.deepEqual(await unwrap(body, headers, secret(1)), JSON.parse(body));
    assert.deepEqual(verify(body, headers, secret(1)), JSON.parse(body));
  });

  test("is refused for another body, id, time or secret", async () => {
    const headers = signedHeaders("evt_1", now_ms, body, secretsOf(KEY, OWNER, now_ms));
    const wrong: readonly (readonly [string, Record<string, string>, string])[] = [
      [`${body} `, headers, secret(1)],
      [body, { ...headers, "webhook-id": "evt_2" }, secret(1)],
      [body, { ...headers, "webhook-timestamp": String(Math.floor(now_ms / 1_000) - 1) }, secret(1)],
      [body, headers, secret(2)],
      [body, signedHeaders("evt_1", now_ms - 600_000, body, secretsOf(KEY, OWNER, now_ms)), secret(1)],
    ];
    for (const args of wrong) {
      await assert.rejects(unwrap(...args));
      assert.throws(() => verify(...args));
    }
  });

  test("of a rotation is accepted with the new secret and with the old one, until that ends", async () => {
    const rotated = { ...OWNER, secret_version: 2, old_secret_until_ms: now_ms + 1 };
    const during = signedHeaders("evt_1", now_ms, body, secretsOf(KEY, rotated, now_ms));
    for (const version of [1, 2]) {
      assert.ok(await unwrap(body, during, secret(version)));
      assert.ok(verify(body, during, secret(version)));
    }
    const later = signedHeaders("evt_1", now_ms, body, secretsOf(KEY, rotated, now_ms + 1));
    assert.ok(await unwrap(body, later, secret(2)));
    await assert.rejects(unwrap(body, later, secret(1)));
    assert.throws(() => verify(body, later, secret(1)));
  });

  test("is accepted for whatever is in the body", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.uuid(), async (data, id) => {
        const text = JSON.stringify({ id, data });
        const headers = signedHeaders(id, now_ms, text, secretsOf(KEY, OWNER, now_ms));
        assert.deepEqual(await unwrap(text, headers, secret(1)), JSON.parse(text));
        assert.deepEqual(verify(text, headers, secret(1)), JSON.parse(text));
      }),
      { numRuns: 50 },
    );
  });
});

describe("a secret", () => {
  test("has 32 bytes and is written as whsec_", () => {
    assert.match(secret(1), /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.equal(webhookSecret(KEY, "demo", "wh_1", 1).length, 32);
  });

  test("is another for each key, tenant, webhook and version, and always the same", () => {
    const all = [
      webhookSecret(KEY, "demo", "wh_1", 1),
      webhookSecret(`${KEY}2`, "demo", "wh_1", 1),
      webhookSecret(KEY, "acme", "wh_1", 1),
      webhookSecret(KEY, "demo", "wh_2", 1),
      webhookSecret(KEY, "demo", "wh_1", 2),
    ].map(String);
    assert.equal(new Set(all).size, all.length);
    assert.equal(String(webhookSecret(KEY, "demo", "wh_1", 1)), all[0]);
  });
});
