/** `sluice tiers fit`: learns from labelled prompts when the stronger tier is worth its price, and writes the policy. */
import { Command, InvalidArgumentError } from "commander";
import { SluiceError } from "../../libs/shared/errors.ts";
import { crossValidate, type PolicyTarget, PROMPTS_MIN, policyOf } from "../../libs/shared/routing/fitting.ts";
import { designOf } from "../../libs/shared/routing/gain.ts";
import type { TierPolicyFile } from "../../libs/shared/routing/policy.ts";
import { writePolicyFile } from "../../libs/shared/routing/policy-file.ts";
import { formatTable } from "../output/format.ts";
import { EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { embedAll, runSteps } from "./embedding.ts";
import { type Labelled, readRows } from "./rows.ts";
import { callCosts, openTierEmbedder, readSettings, twoTiers } from "./settings.ts";

const HELP = `
The file is that of \`sluice tiers eval\`. What is fitted: the gain of the strong answer over the weak one, by ridge regression on the
prompt's embedding (cache.semantic.embedding) and on what the prompt looks like. Its figures are by cross-validation.

Where the threshold stands: --target-cost-share 0.4 spends up to 40 % of what asking the strong tier for all would cost;
--target-quality 0.95 is the cheapest with 95 % of the strong tier's quality; neither: where the recovered gap is furthest above the cost.

To use it, in sluice.yaml:
  routing:
    complexity: { method: trained, policy_file: tier-policy.json }
or try it on a share of requests first: sluice rollout.

Examples:
  sluice tiers fit --file labelled.jsonl.gz
  sluice tiers fit --file labelled.jsonl --target-cost-share 0.4 --out policy.json
${EXIT_HELP}`;

type Flags = {
  readonly file: string;
  readonly targetCostShare?: number;
  readonly targetQuality?: number;
  readonly out: string;
  readonly weak?: string;
  readonly strong?: string;
  readonly json?: boolean;
};

export const fitCommand = new Command("fit")
  .description("fit a tier policy on labelled prompts and write it")
  .requiredOption("--file <file>", "labelled prompts, JSONL(.gz); - for standard input")
  .option("--target-cost-share <part>", "of the cost of asking the strong tier for all, 0 to 1", parsePart)
  .option("--target-quality <part>", "of the strong tier's quality, 0 to 1", parsePart)
  .option("--out <file>", "where the policy is written", "tier-policy.json")
  .option("--weak <tier>", "the cheaper tier; default: the first of the ladder")
  .option("--strong <tier>", "the dearer one; default: the second of the ladder")
  .option("--json", "one JSON object: out, apgr, threshold, shares…")
  .addHelpText("after", HELP)
  .action(async (flags: Flags) => {
    const target = targetOf(flags);
    const stop = listenForStop();
    try {
      const labelled = await readRows(flags.file);
      for (const { line, problem } of labelled.bad) say(`line ${line}: ${problem}`);
      const policy = await fit(labelled, flags, target, stop.signal);
      await writePolicyFile(flags.out, policy);
      await print(flags.json ? `${JSON.stringify(summaryOf(flags.out, policy))}\n` : text(flags.out, policy));
    } finally {
      stop.dispose();
    }
  });

async function fit(
  { rows }: Labelled,
  flags: Flags,
  target: PolicyTarget,
  signal: AbortSignal,
): Promise<TierPolicyFile> {
  if (rows.length < PROMPTS_MIN) {
    throw new SluiceError("usage", `a fit takes ${PROMPTS_MIN} prompts at least; here are ${rows.length}`);
  }
  const settings = await readSettings(process.env);
  const tiers = twoTiers(settings, flags);
  const costs = callCosts(settings, tiers, rows);
  const bar = flags.json !== true;
  const embedder = await openTierEmbedder(settings, process.env);
  try {
    const prompts = rows.map(({ prompt }) => prompt);
    const design = designOf(prompts, await embedAll(embedder, prompts, bar, signal));
    const validated = await runSteps("fitting", crossValidate(rows, design, costs), bar, signal);
    if (validated === undefined) {
      throw new SluiceError("usage", "the strong answers are no better than the weak ones: there is nothing to fit");
    }
    const names = { ...tiers, embedding_model: embedder.model };
    const policy = policyOf(rows, design, { validated, costs, names, target });
    if (policy === undefined) throw new SluiceError("usage", unmet(target, costs.weak / costs.strong));
    return policy;
  } finally {
    await embedder.close();
  }
}

function targetOf({ targetCostShare, targetQuality }: Flags): PolicyTarget {
  if (targetCostShare !== undefined && targetQuality !== undefined) {
    throw new SluiceError("usage", "--target-cost-share and --target-quality are two targets; name one");
  }
  if (targetCostShare !== undefined) return { kind: "cost_share", at_most: targetCostShare };
  return targetQuality === undefined ? { kind: "best" } : { kind: "quality", at_least: targetQuality };
}

function unmet(target: PolicyTarget, least: number): string {
  if (target.kind !== "cost_share") return "no share of strong calls meets the target";
  return `the weak tier alone costs ${(least * 100).toFixed(0)} % of the strong one: more than the target`;
}

function chosenOf({ shares, threshold }: TierPolicyFile) {
  return shares.find((share) => share.threshold === threshold);
}

function summaryOf(out: string, policy: TierPolicyFile) {
  const { weak, strong, threshold, shares, fitted, embedding } = policy;
  const { apgr, prompts } = fitted;
  return {
    out,
    weak,
    strong,
    embedding_model: embedding.model,
    prompts,
    apgr,
    threshold,
    chosen: chosenOf(policy),
    shares,
  };
}

function text(out: string, policy: TierPolicyFile): string {
  const { shares, fitted, weak, strong } = policy;
  const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;
  const chosen = chosenOf(policy);
  const rows = shares
    .filter((share, at) => at % 2 === 0 || share === chosen)
    .map((share) => [
      percent(share.strong_share),
      share.threshold.toFixed(2),
      share.quality.toFixed(3),
      percent(share.gap_recovered),
      percent(share.cost_share),
      share === chosen ? "← chosen" : "",
    ]);
  const head = ["strong calls", "threshold", "quality", "gap recovered", "cost", ""];
  const table = formatTable(head, rows, [0, 1, 2, 3, 4]);
  return `${table}\n\n${fitted.prompts} prompts, ${weak} or ${strong}; APGR ${fitted.apgr.toFixed(3)} by cross-validation; written to ${out}\n`;
}

function parsePart(value: string): number {
  const part = Number(value);
  if (value.trim() !== "" && part >= 0 && part <= 1) return part;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}
