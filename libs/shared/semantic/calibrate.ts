/**
 * From labelled pairs to a calibration. With many pairs the trees are fitted anew, and every pair gets a score from trees that have not seen its
 * questions (cross-fitting, as in Vovk 2015, "Cross-conformal predictors", doi 10.1007/s10472-013-9368-4); curves and thresholds are found on
 * those. With few, the default's trees stay and all pairs speak for curves and thresholds. Pure: chance is the seed.
 */
import type { Calibration, Scorer } from "./calibration.ts";
import { FEATURES, featuresOf, type ReadQuestion } from "./features.ts";
import { type FitOptions, fitTrees } from "./fit.ts";
import type { GuardCheck } from "./guard/guard.ts";
import { type Curve, fitCurve, probabilityOf } from "./platt.ts";
import { countRarity, type RarityTable, rarityOf } from "./rarity.ts";
import { splitGroups } from "./split.ts";
import { CONFIDENCE, ERROR_GRID, findThresholds, type Judged } from "./thresholds.ts";
import { scoreOf } from "./trees.ts";

/** Fewer pairs than this say too little about trees, and enough about a threshold. */
export const REFIT_PAIRS_MIN = 2_000;

const FOLDS = 4;
const RARITY_PARTS = 8;

export type LabelledPair = {
  readonly left: ReadQuestion;
  readonly right: ReadQuestion;
  readonly refused_by: GuardCheck | undefined;
  readonly duplicate: boolean;
  /** Pairs of one number share questions. */
  readonly group: number;
  /** How much the pair counts when trees are fitted, 1 where it is not said. To curves and thresholds all pairs count the same. */
  readonly weight?: number;
};

/** A pair and the score of trees that know nothing of it. */
export type ScoredPair = Pick<LabelledPair, "duplicate" | "refused_by"> & { readonly score: number };

export type CalibrateOptions = {
  readonly embedding_model: string;
  readonly max_errors?: readonly number[];
  readonly fit: FitOptions;
  readonly told?: (done: number, total: number) => void;
};

/** @param standing the calibration whose trees stay when there are few pairs; it must be of the same embedding model. */
export function calibrate(
  pairs: readonly LabelledPair[],
  standing: Calibration | undefined,
  options: CalibrateOptions,
): Calibration {
  const refit = standing === undefined || pairs.length >= REFIT_PAIRS_MIN;
  const { scorer, scored } = refit ? crossFit(pairs, options) : { scorer: standing, scored: scoreAll(standing, pairs) };
  const curve = fitCurve(scored);
  return {
    version: 1,
    embedding_model: options.embedding_model,
    trees_of: refit ? "pairs" : "default",
    pairs: pairs.length,
    confidence: CONFIDENCE,
    features: [...FEATURES],
    curve,
    thresholds: findThresholds(judgedBy(curve, scored), options.max_errors ?? ERROR_GRID),
    rarity: scorer.rarity,
    forest: scorer.forest,
  };
}

/** Scores by the trees of the other folds, and trees of all pairs. */
export function crossFit(
  pairs: readonly LabelledPair[],
  { fit, told }: Pick<CalibrateOptions, "fit" | "told">,
): { readonly scorer: Scorer; readonly scored: readonly ScoredPair[] } {
  const folds = splitGroups(
    pairs.map(({ group }) => group),
    Array.from({ length: FOLDS }, () => 1 / FOLDS),
    fit.seed,
  );
  const scored: ScoredPair[] = [];
  const tell = (round: number) => (done: number, total: number) => told?.(round * total + done, (FOLDS + 1) * total);
  folds.forEach((fold, round) => {
    const left_out = new Set(fold);
    const others = pairs.filter((_, row) => !left_out.has(row));
    // One forest a fold is enough: what more of them add makes the final scores better than these, never worse.
    const scorer = fitScorer(others, { ...fit, forests: 1 }, tell(round));
    const own = scoreAll(
      scorer,
      fold.map((row) => pairs[row] as LabelledPair),
    );
    fold.forEach((row, at) => {
      scored[row] = own[at] as ScoredPair;
    });
  });
  return { scorer: fitScorer(pairs, fit, tell(FOLDS)), scored };
}

/** Each pair's rarities come from other groups' texts alone: a word that a later pair has may be new too. */
function fitScorer(
  pairs: readonly LabelledPair[],
  fit: FitOptions,
  told?: (done: number, total: number) => void,
): Scorer {
  const values = new Float32Array(pairs.length * FEATURES.length);
  for (let part = 0; part < RARITY_PARTS; part += 1) {
    const rare = rarityOf(rarityIn(pairs.filter(({ group }) => group % RARITY_PARTS !== part)));
    pairs.forEach(({ left, right, refused_by, group }, row) => {
      if (group % RARITY_PARTS !== part) return;
      values.set(featuresOf(left, right, refused_by, rare), row * FEATURES.length);
    });
  }
  const labels = pairs.map(({ duplicate }) => (duplicate ? 1 : 0));
  const weights = pairs.map(({ weight }) => weight ?? 1);
  const forest = fitTrees({ values, columns: FEATURES.length, labels, weights }, fit, told);
  return { rarity: rarityIn(pairs), forest };
}

function rarityIn(pairs: readonly LabelledPair[]): RarityTable {
  const texts = new Set(pairs.flatMap(({ left, right }) => [left.words, right.words]));
  return countRarity([...texts].map(({ stem_set }) => stem_set));
}

export function scoreAll({ rarity, forest }: Scorer, pairs: readonly LabelledPair[]): ScoredPair[] {
  const rare = rarityOf(rarity);
  return pairs.map(({ left, right, refused_by, duplicate }) => {
    return { duplicate, refused_by, score: scoreOf(forest, featuresOf(left, right, refused_by, rare)) };
  });
}

export function judgedBy(curve: Curve, pairs: readonly ScoredPair[]): Judged[] {
  return pairs.map(({ score, duplicate, refused_by }) => {
    return { duplicate, refused: refused_by !== undefined, probability: probabilityOf(curve, score) };
  });
}
