/** How near pairs of answers are, embedded together. */
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import { isEqual, piecesOf, similarityOf, wordSimilarity } from "./compare.ts";

export type Texts = { readonly left: string; readonly right: string };

/**
 * In one call for all. @returns undefined for texts that are equal.
 * @param embedder left out: by the words that both have.
 */
export async function similaritiesOf(
  embedder: Pick<Embedder, "embed"> | undefined,
  pairs: readonly Texts[],
): Promise<readonly (number | undefined)[]> {
  if (embedder === undefined) {
    return pairs.map(({ left, right }) => (isEqual(left, right) ? undefined : wordSimilarity(left, right)));
  }
  const pieces = pairs.map(({ left, right }) =>
    isEqual(left, right) ? undefined : ([piecesOf(left), piecesOf(right)] as const),
  );
  const texts = pieces.flatMap((pair) => (pair === undefined ? [] : pair.flat()));
  const vectors = texts.length === 0 ? [] : await embedder.embed(texts);
  let at = 0;
  const take = (count: number): Float32Array[] => {
    at += count;
    return vectors.slice(at - count, at);
  };
  return pieces.map((pair) =>
    pair === undefined ? undefined : similarityOf(take(pair[0].length), take(pair[1].length)),
  );
}
