/** Compares a replay's Results with the original ones, chunk by chunk. */
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import type { RunMode } from "../../../libs/shared/replay/replay.ts";
import { similaritiesOf } from "../../router/checks/similarities.ts";
import { answerOf, type Difference, differenceOf, wantsDistance, wordsOf } from "./difference.ts";
import { type Comparison, ComparisonFold } from "./summary.ts";

export type ResultId = { readonly tenant: string; readonly id: string };

export type ComparingDeps = {
  /** The replay's Results, in chunks. */
  readonly results: AsyncIterable<readonly Result[]>;
  /** The original Results of these, in their order; undefined where there is none (any more). */
  readonly originals: (asked: readonly ResultId[]) => Promise<readonly (Result | undefined)[]>;
  /** Left out: differing answers have no distance. */
  readonly embedder?: Pick<Embedder, "embed">;
  /** Pairs of differing answers that are embedded at the most: it takes some ms each. */
  readonly distances_max: number;
  readonly worst_max: number;
  /** So much of each answer is kept with the worst differences; 0 for none. */
  readonly text_chars: number;
  readonly progress?: (compared: number) => void;
};

/** Answers that are embedded in one go. */
const TOGETHER = 64;

export async function compareResults(deps: ComparingDeps, replay: string, mode: RunMode): Promise<Comparison> {
  const fold = new ComparisonFold(deps.worst_max);
  let embedded = 0;
  let compared = 0;
  for await (const results of deps.results) {
    const originals = await deps.originals(results.map(originalOf));
    const pairs = results.map((replayed, index) => ({ replayed, original: originals[index] }));
    const differing = pairs.filter(({ original, replayed }) => wantsDistance(answerIn(original), answerIn(replayed)));
    const measured = deps.embedder === undefined ? [] : differing.slice(0, deps.distances_max - embedded);
    embedded += measured.length;
    const similarities = await similaritiesIn(deps.embedder, measured);
    for (const pair of pairs) {
      const difference = differenceOf(pair.original, pair.replayed, similarities.get(pair));
      fold.add(deps.text_chars === 0 ? difference : withTexts(difference, pair, deps.text_chars));
    }
    compared += results.length;
    deps.progress?.(compared);
  }
  return fold.comparison(replay, mode);
}

type Pair = { readonly original: Result | undefined; readonly replayed: Result };

function withTexts(difference: Difference, { original, replayed }: Pair, chars: number): Difference {
  if (original === undefined || difference.severity === 0) return difference;
  return { ...difference, texts: { original: wordsOf(original, chars), replayed: wordsOf(replayed, chars) } };
}

async function similaritiesIn(
  embedder: ComparingDeps["embedder"],
  pairs: readonly Pair[],
): Promise<Map<Pair, number | undefined>> {
  const similarities = new Map<Pair, number | undefined>();
  for (let at = 0; at < pairs.length; at += TOGETHER) {
    const some = pairs.slice(at, at + TOGETHER);
    const texts = some.map(({ original, replayed }) => ({
      left: comparedWords(original),
      right: comparedWords(replayed),
    }));
    const found = await similaritiesOf(embedder, texts);
    for (const [index, pair] of some.entries()) similarities.set(pair, found[index]);
  }
  return similarities;
}

function originalOf({ tenant, id, replay }: Result): ResultId {
  return { tenant, id: replay?.of ?? id };
}

function answerIn(result: Result | undefined): ReturnType<typeof answerOf> {
  return result === undefined ? undefined : answerOf(result);
}

function comparedWords(result: Result | undefined): string {
  const answer = answerIn(result);
  return answer !== undefined && "text" in answer ? answer.text : "";
}
