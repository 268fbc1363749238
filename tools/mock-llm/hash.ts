/** Hashes and seeded randomness: everything the mock makes up comes from here, so that a run can be repeated. */

import { hash } from "node:crypto";

/** Values nested deeper than this are left out of the canonical form. */
const CANONICAL_DEPTH_MAX = 64;

/** Fields of a request that say how to deliver an answer, not what to answer. */
const DELIVERY_FIELDS: ReadonlySet<string> = new Set([
  "stream",
  "stream_options",
  "metadata",
  "user",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
]);

const NO_FIELDS: ReadonlySet<string> = new Set();

/** JSON with sorted keys: two requests that mean the same have the same canonical form. */
export function canonicalJson(value: unknown, skip: ReadonlySet<string> = NO_FIELDS, depth = 0): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (depth >= CANONICAL_DEPTH_MAX) return '"..."';
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, NO_FIELDS, depth + 1)).join(",")}]`;
  const record = value as Record<string, unknown>;
  const parts: string[] = [];
  for (const key of Object.keys(record).sort()) {
    if (skip.has(key) || record[key] === undefined) continue;
    parts.push(`${JSON.stringify(key)}:${canonicalJson(record[key], NO_FIELDS, depth + 1)}`);
  }
  return `{${parts.join(",")}}`;
}

/** 22 characters (132 bits) that stand for a text. */
export function fingerprint(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 22);
}

/** What a request asks, in 22 characters: delivery fields (`stream`, `metadata`, `user`, ...) do not count. */
export function requestKey(path: string, body: unknown): string {
  return fingerprint(`${path}\n${canonicalJson(body, DELIVERY_FIELDS)}`);
}

/** A 32-bit seed from a text: FNV-1a, then murmur3's finaliser so that near texts land far apart. */
export function seedFrom(text: string, seed = 0): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** mulberry32 (Tommy Ettinger, public domain): small, fast, and good enough to make up text and faults. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of the items; the list must not be empty. */
export function pick<T>(items: readonly [T, ...T[]], random: Random): T {
  return items[Math.floor(random() * items.length)] ?? items[0];
}
