/**
 * Signatures and secrets of webhooks, by Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, version 1): HMAC-SHA256 of
 * `<id>.<timestamp>.<body>`. Secrets are derived from the service's key, so none is stored. Pure.
 */
import { createHmac } from "node:crypto";

/** Whose secret it is. */
export type SecretOwner = {
  readonly tenant: string;
  /** The webhook. */
  readonly id: string;
  readonly secret_version: number;
  /** The version before is good until then, epoch ms. */
  readonly old_secret_until_ms: number | null;
};

/** 32 bytes. @param key SLUICE_SECRET_KEY. */
export function webhookSecret(key: string, tenant: string, webhook: string, version: number): Buffer {
  return createHmac("sha256", key)
    .update(JSON.stringify(["sluice webhook", tenant, webhook, version]))
    .digest();
}

/** As receivers are given it: `whsec_<base64>`. */
export function secretText(secret: Buffer): string {
  return `whsec_${secret.toString("base64")}`;
}

/** The secrets that sign now, the newest first: after a rotation the one before as well. */
export function secretsOf(key: string, owner: SecretOwner, now_ms: number): Buffer[] {
  const { tenant, id, secret_version, old_secret_until_ms } = owner;
  const both = secret_version > 1 && old_secret_until_ms !== null && old_secret_until_ms > now_ms;
  const versions = both ? [secret_version, secret_version - 1] : [secret_version];
  return versions.map((version) => webhookSecret(key, tenant, id, version));
}

/** @param event the event's id, the same whenever it is sent. */
export function signedHeaders(
  event: string,
  now_ms: number,
  body: string,
  secrets: readonly Buffer[],
): Record<string, string> {
  const timestamp = String(Math.floor(now_ms / 1_000));
  const signed = `${event}.${timestamp}.${body}`;
  const signatures = secrets.map((secret) => `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`);
  return {
    "content-type": "application/json",
    "user-agent": "Sluice-Webhooks/1",
    "webhook-id": event,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
