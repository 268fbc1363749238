/** One call's usage, divided among those who shared the call. Pure. */

/**
 * Divides a whole number in proportion to `sizes` (whole, 0 at least; all 0: evenly) by largest remainder (Hamilton's method;
 * among equal remainders the first). The parts are whole and sum to `total` exactly.
 */
export function divide(total: number, sizes: readonly number[]): number[] {
  const even = sizes.every((size) => size === 0);
  const weights = sizes.map((size) => BigInt(even ? 1 : size));
  const sum = weights.reduce((left, right) => left + right, 0n);
  // Whole arithmetic of any length: a product of two counts may pass what a double holds exactly.
  const exact = weights.map((weight) => BigInt(total) * weight);
  const parts = exact.map((product) => Number(product / sum));
  const left = total - parts.reduce((before, part) => before + part, 0);
  const byRemainder = exact
    .map((product, at) => ({ at, remainder: product % sum }))
    .sort((one, other) =>
      one.remainder === other.remainder ? one.at - other.at : one.remainder > other.remainder ? -1 : 1,
    );
  for (const { at } of byRemainder.slice(0, left)) parts[at] = (parts[at] ?? 0) + 1;
  return parts;
}

/**
 * Divides a provider's `usage`: whole numbers by `divide`, other numbers (a price) in proportion, objects member by member; what
 * is not a number is everybody's.
 */
export function divideUsage(usage: unknown, sizes: readonly number[]): unknown[] {
  if (typeof usage === "number") {
    if (Number.isSafeInteger(usage) && usage >= 0) return divide(usage, sizes);
    const sum = sizes.reduce((left, right) => left + right, 0);
    return sizes.map((size) => usage * (sum === 0 ? 1 / sizes.length : size / sum));
  }
  if (typeof usage !== "object" || usage === null || Array.isArray(usage)) return sizes.map(() => usage);
  const fields = Object.entries(usage).map(([name, value]) => [name, divideUsage(value, sizes)] as const);
  return sizes.map((_, at) => Object.fromEntries(fields.map(([name, parts]) => [name, parts[at]])));
}
