/**
 * Idempotency keys: which request a tenant's key belongs to. The gateway claims a key before it produces, so that all who come with
 * it use one id; ingest claims those of requests that come by the topic. Both write the same key with the same value:
 * `idem:{<tenant>}:<hash>` = `<id> <content_hash>`. Pure.
 */
import { createHash } from "node:crypto";

/** Of a key as the caller chose it: 22 characters of base64url, 132 bits of SHA-256. */
export function idempotencyHash(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 22);
}

/** The tenant is the hash tag: all keys of a tenant share a slot in a cluster. */
export function idempotencyKey(tenant: string, hash: string): string {
  return `idem:{${tenant}}:${hash}`;
}

export type KeyHolder = {
  readonly id: string;
  /** Of the request's JSON as ingest reads it, its id included. */
  readonly content_hash: string;
};

export function holderText({ id, content_hash }: KeyHolder): string {
  return `${id} ${content_hash}`;
}

/** @returns undefined for what `holderText` did not write. */
export function readHolder(text: string): KeyHolder | undefined {
  const [id, content_hash, ...others] = text.split(" ");
  return id && content_hash && others.length === 0 ? { id, content_hash } : undefined;
}
