/** `sluice tiers eval`: what a policy's choices are worth on labelled prompts, beside simpler rankings. */
import { Command } from "commander";
import { SluiceError } from "../../libs/shared/errors.ts";
import {
  baselineScores,
  costShare,
  pointsOf,
  type Standing,
  standingOf,
} from "../../libs/shared/routing/evaluation.ts";
import { crossValidate, FOLDS, PROMPTS_MIN, REPEATS } from "../../libs/shared/routing/fitting.ts";
import { designOf } from "../../libs/shared/routing/gain.ts";
import { loadPolicy } from "../../libs/shared/routing/policy-file.ts";
import { type Curve, recoveredAt } from "../../libs/shared/routing/recovery.ts";
import { EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { embedAll, runSteps } from "./embedding.ts";
import { type Labelled, readRows } from "./rows.ts";
import { callCosts, openTierEmbedder, readSettings, twoTiers } from "./settings.ts";
import { evaluationText, type TierEvaluation } from "./view.ts";

const HELP = `
The file has a JSON object a line: prompt, weak_correct and strong_correct (true, false, or a quality from 0 to 1); weak_response and
strong_response, where they are there, tell what the answers cost. It may be gzipped (.gz); - is standard input.

Without --policy, prompts are ranked by models fitted without them: cross-validation, ${FOLDS} folds by prompt, ${REPEATS} times. With it, by the
policy as it is: on prompts that it was fitted on it looks better than it is.

APGR is RouteLLM's: the gap recovered by a share of strong calls is (quality − weak) / (strong − weak), and APGR is the area under it for
shares from 0 to 1. A ranking without order has 0.5, one that knows the answers more than 1.

Examples:
  sluice tiers eval --file labelled.jsonl.gz
  sluice tiers eval --file held-out.jsonl --policy policy.json
  sluice tiers eval --file labelled.jsonl --json
${EXIT_HELP}`;

const CURVE_STEPS = 20;

type Flags = {
  readonly file: string;
  readonly policy?: string;
  readonly weak?: string;
  readonly strong?: string;
  readonly json?: boolean;
};

export const evalCommand = new Command("eval")
  .description("measure what a tier policy is worth on labelled prompts")
  .requiredOption("--file <file>", "labelled prompts, JSONL(.gz); - for standard input")
  .option("--policy <file>", "a policy that `sluice tiers fit` wrote; default: cross-validation")
  .option("--weak <tier>", "the cheaper tier, for its price; default: the first of the ladder")
  .option("--strong <tier>", "the dearer one; default: the second of the ladder")
  .option("--json", "one JSON object: apgr, cpt, baselines, curve…")
  .addHelpText("after", HELP)
  .action(async (flags: Flags) => {
    const stop = listenForStop();
    try {
      const labelled = await readRows(flags.file);
      for (const { line, problem } of labelled.bad) say(`line ${line}: ${problem}`);
      const found = await evaluate(labelled, flags, stop.signal);
      await print(flags.json ? `${JSON.stringify(found)}\n` : evaluationText(found));
    } finally {
      stop.dispose();
    }
  });

async function evaluate({ rows, bad }: Labelled, flags: Flags, signal: AbortSignal): Promise<TierEvaluation> {
  const settings = await readSettings(process.env);
  const policy = flags.policy === undefined ? undefined : await loadPolicy(flags.policy);
  if (rows.length === 0) throw new SluiceError("usage", `${flags.file} holds no labelled prompts`);
  if (policy === undefined && rows.length < PROMPTS_MIN) {
    throw new SluiceError("usage", `cross-validation takes ${PROMPTS_MIN} prompts at least; here are ${rows.length}`);
  }
  const tiers = twoTiers(settings, policy ?? flags);
  const costs = callCosts(settings, tiers, rows);
  const bar = flags.json !== true;
  const embedder = await openTierEmbedder(settings, process.env);
  try {
    if (policy !== undefined && embedder.model !== policy.embedding_model) {
      const message = `${flags.policy} is for embeddings by ${policy.embedding_model}, and the settings have ${embedder.model}`;
      throw new SluiceError("usage", message, { fix: "Set cache.semantic.embedding.model, or fit another policy." });
    }
    const prompts = rows.map(({ prompt }) => prompt);
    const vectors = await embedAll(embedder, prompts, bar, signal);
    const common = { prompts: rows.length, bad_lines: bad.length, ...baselines(rows, costs) };
    if (policy === undefined) {
      const validated = await runSteps("fitting", crossValidate(rows, designOf(prompts, vectors), costs), bar, signal);
      if (validated === undefined) throw noGap();
      const { apgr, apgr_deviation, cpt, curve } = validated;
      const how = { method: "cross_validation", folds: FOLDS, repeats: REPEATS } as const;
      return { ...common, ...how, ...curveParts(curve), apgr, apgr_deviation, cpt };
    }
    const scores = rows.map(({ prompt }, at) => policy.judge(prompt, vectors[at] as Float32Array)?.score ?? 0);
    const standing = standingOf(scores, rows, costs);
    if (standing === undefined) throw noGap();
    const strong_share = scores.filter((score) => score >= policy.threshold).length / scores.length;
    const gap_recovered = recoveredAt(standing.curve, strong_share);
    const cost_share = costShare(strong_share, costs);
    return {
      ...common,
      ...{ method: "policy", policy: flags.policy as string },
      ...curveParts(standing.curve),
      apgr: standing.apgr,
      at_threshold: { threshold: policy.threshold, strong_share, gap_recovered, cost_share },
      cpt: standing.cpt,
    };
  } finally {
    await embedder.close();
  }
}

function curveParts(curve: Curve): Pick<TierEvaluation, "weak_quality" | "strong_quality" | "curve"> {
  return { weak_quality: curve.weak, strong_quality: curve.strong, curve: pointsOf(curve, CURVE_STEPS) };
}

function baselines(
  rows: Labelled["rows"],
  costs: Parameters<typeof standingOf>[2],
): Pick<TierEvaluation, "baselines" | "baselines_cpt"> {
  const standings = Object.entries(baselineScores(rows)).flatMap(([name, scores]) => {
    const standing = standingOf(scores, rows, costs);
    return standing === undefined ? [] : [[name, standing] as const];
  });
  const each = <Value>(of: (standing: Standing) => Value): Readonly<Record<string, Value>> =>
    Object.fromEntries(standings.map(([name, standing]) => [name, of(standing)]));
  return { baselines: each(({ apgr }) => apgr), baselines_cpt: each(({ cpt }) => cpt) };
}

function noGap(): SluiceError {
  return new SluiceError("usage", "the strong answers are no better than the weak ones: there is no gap to recover");
}
