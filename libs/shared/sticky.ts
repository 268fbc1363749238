/** A share of things, the same things each time: by a hash and not by chance. Pure. */
import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical.ts";

/**
 * Where the parts stand between 0 and 1 (1 left out), evenly spread: what stands below a share is in it, and stays in it when the share
 * grows. The first 48 bits of SHA-256 over the parts' JSON.
 */
export function stickyUnit(parts: readonly string[]): number {
  return createHash("sha256").update(canonicalJson(parts)).digest().readUIntBE(0, 6) / 2 ** 48;
}
