/** Which tier of a ladder a request needs: by a fitted policy where there is one and it can be asked, else by the heuristic. Pure. */
import type { Decision } from "../../libs/shared/events/fields.ts";
import { COMPLEXITY_THRESHOLD, type ComplexityInput, complexityOf } from "../../libs/shared/routing/complexity.ts";
import type { TierPolicy } from "../../libs/shared/routing/policy.ts";

export type Judged = {
  readonly tier: string;
  readonly decision: Pick<Decision, "detail" | "features" | "candidates" | "score" | "threshold">;
  /** For people. */
  readonly reason: string;
};

export type ComplexityQuestion = ComplexityInput & {
  /** Of the text, by the embedding model of the settings. */
  readonly vector: Float32Array | undefined;
};

/** By the heuristic. @param ladder two tiers or more, the weakest first. */
export function byHeuristic(
  question: ComplexityInput,
  ladder: readonly string[],
  threshold = COMPLEXITY_THRESHOLD,
): Judged {
  const { score, parts } = complexityOf(question);
  const tier = tierAt(ladder, score, threshold);
  const { chars, turns } = question;
  const most = Object.entries(parts).sort(([, one], [, other]) => other - one);
  const signs = most.slice(0, 4).map(([name, part]) => `${name} ${part.toFixed(2)}`);
  const why = signs.length === 0 ? "nothing in it asks for more" : signs.join(", ");
  return {
    tier,
    decision: {
      detail: "heuristic",
      features: { ...parts, chars, turns },
      candidates: candidatesOf(ladder, score, threshold),
      score,
      threshold,
    },
    reason: `complexity ${score.toFixed(2)}, ${score < threshold ? "below" : "from"} ${threshold.toFixed(2)} on stronger: ${why}`,
  };
}

/**
 * By a fitted policy, between its two tiers.
 * @returns why it cannot be asked, in words, where that is so.
 */
export function byPolicy(
  policy: TierPolicy,
  { text, vector }: Pick<ComplexityQuestion, "text" | "vector">,
  ladder: readonly string[],
  threshold = policy.threshold,
): Judged | string {
  const { weak, strong } = policy;
  if (!ladder.includes(weak) || !ladder.includes(strong))
    return `its tiers ${weak} and ${strong} may not both be taken`;
  if (text === undefined) return "the last turn is not a user's text";
  if (vector === undefined) return "the last turn has no embedding";
  const judged = policy.judge(text, vector);
  if (judged === undefined) return `its embedding has ${vector.length} dimensions and not ${policy.dimensions}`;
  const { gain, score } = judged;
  const tiers = [weak, strong];
  const more = `${strong} is expected to gain ${gain.toFixed(3)}, more than for ${Math.floor(score * 100)} % of prompts`;
  return {
    tier: tierAt(tiers, score, threshold),
    decision: {
      detail: "trained",
      features: { gain, chars: text.length },
      candidates: candidatesOf(tiers, score, threshold),
      score,
      threshold,
    },
    reason: `policy: ${more}; it is taken from ${Math.ceil(threshold * 100)} % on`,
  };
}

/** Below the threshold the weakest tier; the others share what is above it evenly. */
function tierAt(ladder: readonly string[], score: number, threshold: number): string {
  const at = ladder.findLastIndex((_, index) => score >= boundOf(index, ladder.length, threshold));
  return ladder[Math.max(0, at)] as string;
}

/** The score from which on a tier of the ladder is taken. */
function boundOf(index: number, tiers: number, threshold: number): number {
  return index === 0 ? 0 : threshold + ((1 - threshold) * (index - 1)) / (tiers - 1);
}

/** Each tier with how well it suits: 1 where the score is in its range, less the further away. */
function candidatesOf(ladder: readonly string[], score: number, threshold: number): Decision["candidates"] {
  return ladder.map((tier, index) => {
    const from = boundOf(index, ladder.length, threshold);
    const to = index === ladder.length - 1 ? 1 : boundOf(index + 1, ladder.length, threshold);
    const away = Math.max(0, from - score, score - to);
    return { tier, score: Math.round((1 - away) * 1_000) / 1_000 };
  });
}
