/** The figures of benchmarks, and a table of them for people. Pure. */
import Table from "cli-table3";

/** In the figure's own unit. */
export type Target = { readonly at_least: number } | { readonly at_most: number };

export type Figure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
  /** The ideal, or another way to do the same work, measured in the same run; shown with the ratio of the figure to it. */
  readonly beside?: { readonly name: string; readonly value: number };
};

export type ScenarioReport = { readonly scenario: string; readonly figures: readonly Figure[] };

/** Undefined without a target. What could not be measured meets none. */
export function met({ target, value }: Pick<Figure, "target" | "value">): boolean | undefined {
  if (target === undefined) return undefined;
  return "at_least" in target ? value >= target.at_least : value <= target.at_most;
}

export function render({ scenario, figures }: ScenarioReport): string {
  const table = new Table({
    head: [scenario, "", "target", "", "beside", "ratio to it"],
    style: { head: [], border: [] },
  });
  for (const figure of figures) {
    const { name, value, unit, target, beside } = figure;
    const verdict = met(figure);
    table.push([
      name,
      `${rounded(value)} ${unit}`.trim(),
      target === undefined ? "" : printed(target),
      verdict === undefined ? "" : verdict ? "met" : "MISSED",
      beside === undefined ? "" : `${beside.name}: ${rounded(beside.value)}`,
      beside === undefined || beside.value === 0 ? "" : (value / beside.value).toFixed(3),
    ]);
  }
  return table.toString();
}

function printed(target: Target): string {
  return "at_least" in target ? `≥ ${rounded(target.at_least)}` : `≤ ${rounded(target.at_most)}`;
}

function rounded(value: number): string {
  const size = Math.abs(value);
  return Number.isInteger(value) ? String(value) : value.toFixed(size < 1 ? 3 : size < 100 ? 2 : 1);
}
