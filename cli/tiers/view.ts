/** How evaluations of tiers read for people. Pure. */
import { GAP_PARTS } from "../../libs/shared/routing/evaluation.ts";
import { formatTable } from "../output/format.ts";

export type Cpt = Readonly<Record<string, { readonly strong_share: number; readonly cost_share: number }>>;

/** What `sluice tiers eval --json` prints. */
export type TierEvaluation = {
  readonly prompts: number;
  readonly bad_lines: number;
  /** Whose ranking it is: of models that had not seen the prompt, or of the policy's file. */
  readonly method: "cross_validation" | "policy";
  readonly folds?: number;
  readonly repeats?: number;
  readonly policy?: string;
  readonly weak_quality: number;
  readonly strong_quality: number;
  readonly apgr: number;
  /** Over the repeats. */
  readonly apgr_deviation?: number;
  /** Of the policy's own threshold, on these prompts. */
  readonly at_threshold?: {
    readonly threshold: number;
    readonly strong_share: number;
    readonly gap_recovered: number;
    readonly cost_share: number;
  };
  /** By the part of the gap in per cent. */
  readonly cpt: Cpt;
  /** APGR of other rankings of the same prompts. */
  readonly baselines: Readonly<Record<string, number>>;
  readonly baselines_cpt: Readonly<Record<string, Cpt>>;
  readonly curve: readonly { readonly share: number; readonly recovered: number }[];
};

const PLOT_ROWS = 10;

export function evaluationText(found: TierEvaluation): string {
  const { prompts, weak_quality, strong_quality, method, folds, repeats, policy, bad_lines } = found;
  const how = method === "policy" ? `policy ${policy}` : `cross-validation, ${folds} folds by prompt, ${repeats} times`;
  const bad = bad_lines === 0 ? "" : `; ${bad_lines} lines could not be read`;
  const head = `${prompts} prompts${bad}; quality ${part(weak_quality)} by the weak tier, ${part(strong_quality)} by the strong one; ${how}`;
  const own = { apgr: found.apgr, cpt: found.cpt };
  const others = Object.entries(found.baselines).map(([name, apgr]) => {
    return { name: name.replaceAll("_", " "), apgr, cpt: found.baselines_cpt[name] ?? {} };
  });
  const rows = [{ name: method === "policy" ? "this policy" : "fitted policy", ...own }, ...others];
  const table = formatTable(
    [
      "ranking",
      "APGR",
      ...GAP_PARTS.map((gap) => `calls for ${gap * 100} %`),
      ...GAP_PARTS.map((gap) => `cost for ${gap * 100} %`),
    ],
    rows.map(({ name, apgr, cpt }) => [
      name,
      apgr.toFixed(3),
      ...GAP_PARTS.map((gap) => percent(cpt[String(gap * 100)]?.strong_share)),
      ...GAP_PARTS.map((gap) => percent(cpt[String(gap * 100)]?.cost_share)),
    ]),
    [1, 2, 3, 4, 5, 6, 7],
  );
  const deviation = found.apgr_deviation === undefined ? "" : ` (± ${found.apgr_deviation.toFixed(3)} between repeats)`;
  const at = found.at_threshold;
  const threshold =
    at === undefined
      ? ""
      : `\nat its threshold ${at.threshold.toFixed(2)}: ${percent(at.strong_share)} strong calls, ${percent(at.gap_recovered)} of the gap, ${percent(at.cost_share)} of the cost`;
  return `${head}\n\n${table}\n\nAPGR ${found.apgr.toFixed(3)}${deviation}: the area under the curve of the gap recovered over the share of strong calls; calls and costs are the\nleast share for so much of the gap, costs of asking the strong tier for all.${threshold}\n\n${plot(found.curve)}\n`;
}

/** The gap recovered (upwards) by the share of strong calls; dots are a ranking without order. */
export function plot(curve: TierEvaluation["curve"]): string {
  const lines = Array.from({ length: PLOT_ROWS + 1 }, (_, row) => {
    const level = 1 - row / PLOT_ROWS;
    const cells = curve.map(({ share, recovered }) => {
      const near = (value: number): boolean => Math.abs(Math.min(1, Math.max(0, value)) - level) <= 0.5 / PLOT_ROWS;
      return near(recovered) ? "█" : near(share) ? "·" : " ";
    });
    return `${percent(level).padStart(6)} │${cells.map((cell) => cell.repeat(2)).join("")}`;
  });
  const width = curve.length * 2;
  const axis = `${" ".repeat(7)}└${"─".repeat(width)}`;
  const legend = `${" ".repeat(8)}0 %${"strong calls".padStart(Math.floor(width / 2) + 4)}${"100 %".padStart(Math.ceil(width / 2) - 7)}`;
  return ["gap recovered", ...lines, axis, legend].join("\n");
}

function part(value: number): string {
  return value.toFixed(3);
}

function percent(value: number | undefined): string {
  return value === undefined ? "-" : `${(value * 100).toFixed(0)} %`;
}
