/** Which test files run, and how. Pure. */

export type TestPlan = {
  /** What mostly computes. */
  readonly quick: readonly string[];
  /**
   * What has a pipeline of its own: its processes, topics, groups, Redis prefix and database. Files may run side by side, since none
   * touches what another has: one that takes a part away has a proxy before it or a part of its own. The longest are first.
   */
  readonly heavy: readonly string[];
  readonly needs_parts: boolean;
};

export type Selection = {
  /** Words of which a file's path must hold one; none means every file but the faults, which have a command of their own. */
  readonly filters: readonly string[];
  /** Only what runs without parts. */
  readonly unit: boolean;
};

/** Sorts the chosen files; paths are relative to the checkout, with slashes. */
export function planTests(files: readonly string[], { filters, unit }: Selection): TestPlan {
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ""));
  const chosen = files
    .filter((file) => (wanted.length === 0 ? !isFault(file) : wanted.some((word) => file.includes(word))))
    .filter((file) => !unit || !needsParts(file))
    .toSorted();
  return {
    quick: chosen.filter((file) => !isHeavy(file)),
    heavy: [...chosen.filter(isFault), ...chosen.filter((file) => isHeavy(file) && !isFault(file))],
    needs_parts: chosen.some(needsParts),
  };
}

function isHeavy(file: string): boolean {
  return file.startsWith("test/e2e/") || isFault(file);
}

function isFault(file: string): boolean {
  return file.startsWith("test/faults/");
}

function needsParts(file: string): boolean {
  return isHeavy(file) || file.endsWith(".parts.test.ts");
}
