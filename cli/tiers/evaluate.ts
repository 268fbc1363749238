/** A policy, or what cross-validation gives, measured on labelled prompts: embeds, ranks, and compares. */
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
import type { Env } from "../context.ts";
import { embedAll, runSteps } from "./embedding.ts";
import type { Labelled } from "./rows.ts";
import { callCosts, openTierEmbedder, readSettings, twoTiers } from "./settings.ts";
import type { TierEvaluation } from "./view.ts";

const CURVE_STEPS = 20;

export type EvaluationFlags = {
  readonly file: string;
  readonly policy?: string;
  readonly weak?: string;
  readonly strong?: string;
};

export type EvaluationRun = { readonly env: Env; readonly bar: boolean; readonly signal: AbortSignal };

/** @throws `usage` for prompts that are too few or have no gap; `embedding_unavailable`. */
export async function evaluateLabelled(
  { rows, bad }: Labelled,
  flags: EvaluationFlags,
  { env, bar, signal }: EvaluationRun,
): Promise<TierEvaluation> {
  const settings = await readSettings(env);
  const policy = flags.policy === undefined ? undefined : await loadPolicy(flags.policy);
  if (rows.length === 0) throw new SluiceError("usage", `${flags.file} holds no labelled prompts`);
  if (policy === undefined && rows.length < PROMPTS_MIN) {
    throw new SluiceError("usage", `cross-validation takes ${PROMPTS_MIN} prompts at least; here are ${rows.length}`);
  }
  const tiers = twoTiers(settings, policy ?? flags);
  const costs = callCosts(settings, tiers, rows);
  const embedder = await openTierEmbedder(settings, env);
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
