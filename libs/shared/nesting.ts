/** How deep a value nests. Pure. */

/**
 * The deepest that a request may nest. RFC 8259 §9 lets a reader bound it; what walks a request afterwards (canonical JSON, schemas,
 * JSON.stringify) recurses, and must never run out of stack.
 */
export const REQUEST_LEVELS_MAX = 128;

/** True when objects and arrays nest deeper than `levels`; looks no deeper than that. */
export function nestsDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((member) => nestsDeeper(member, levels - 1));
}
