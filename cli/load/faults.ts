/** The schedule of a scenario's faults: what the mock model is told, and when. Pure. */
import type { Fault } from "./scenario.ts";

export type Behaviour = Readonly<Record<string, unknown>>;

/** From `at_ms` on the mock behaves like this. */
export type Change = { readonly at_ms: number; readonly set: Behaviour };

/**
 * One change whenever a fault begins or ends. Faults may overlap: of those that set the same, the one listed last holds. What none sets is as
 * it was before.
 * @param before what the mock had.
 */
export function changesOf(faults: readonly Fault[], before: Behaviour): Change[] {
  const edges = [...new Set(faults.flatMap(({ at, for: lasting }) => [at, at + lasting]))].sort(
    (one, other) => one - other,
  );
  return edges.map((at_ms) => ({
    at_ms,
    set: Object.assign(
      {},
      before,
      ...faults.filter(({ at, for: lasting }) => at <= at_ms && at_ms < at + lasting).map(({ set }) => set),
    ) as Behaviour,
  }));
}

/** For people: its name, else what it sets. */
export function titleOf({ name, set }: Fault): string {
  if (name !== undefined) return name;
  return Object.entries(set)
    .map(([field, value]) => `${field} ${Array.isArray(value) ? value.join("/") : String(value)}`)
    .join(", ");
}
