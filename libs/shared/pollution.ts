/** Member names that turn into a prototype where somebody copies an object carelessly. Pure. */

/**
 * True for a member `__proto__`, or `constructor` with a member `prototype`, at any level: what secure-json-parse refuses at the HTTP
 * door. The value must not nest too deep to be walked (`nesting.ts`).
 */
export function pollutes(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(pollutes);
  if (Object.hasOwn(value, "__proto__")) return true;
  const maker: unknown = Object.hasOwn(value, "constructor") ? value.constructor : undefined;
  if (typeof maker === "object" && maker !== null && Object.hasOwn(maker, "prototype")) return true;
  return Object.values(value).some(pollutes);
}
