/**
 * API keys: `slc_<short>_<secret><checksum>`. The short part names the key in lists and logs; the secret holds 192 random bits; the
 * checksum (CRC-32) lets a scanner or a typo be told without a look-up. Only a hash is stored. Pure, randomness is an argument.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

const SHORT_BYTES = 5;
const SECRET_BYTES = 24;
export const KEY_RANDOM_BYTES = SHORT_BYTES + SECRET_BYTES;
const PATTERN = /^slc_([0-9a-f]{10})_([0-9a-f]{48})([0-9a-f]{8})$/;

export type NewKey = {
  /** Shown once and stored nowhere. */
  readonly key: string;
  readonly id: string;
  readonly hash: string;
};

/** @param random `KEY_RANDOM_BYTES` bytes from a secure source. */
export function makeKey(random: Buffer): NewKey {
  const id = random.subarray(0, SHORT_BYTES).toString("hex");
  const secret = random.subarray(SHORT_BYTES, KEY_RANDOM_BYTES).toString("hex");
  const key = `slc_${id}_${secret}${checksum(id + secret)}`;
  return { key, id, hash: hashKey(key) };
}

/** The short id of a well-formed key; undefined for anything else, told without a look-up. */
export function keyId(key: string): string | undefined {
  const match = PATTERN.exec(key);
  if (match === null) return undefined;
  const [, id = "", secret = "", sum] = match;
  return checksum(id + secret) === sum ? id : undefined;
}

/** SHA-256, hex. 192 random bits need no slow hash: there is nothing to guess from. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Compares in constant time. */
export function keyMatches(key: string, hash: string): boolean {
  const given = Buffer.from(hashKey(key), "hex");
  const stored = Buffer.from(hash, "hex");
  return given.length === stored.length && timingSafeEqual(given, stored);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
