/** From a model's output to a sentence's vector: the mean over its tokens, scaled to length 1 (Sentence-BERT, arXiv 1908.10084). Pure. */

/** @param states of one text, row after row: `dimensions` numbers for each of its tokens. */
export function meanOfTokens(states: Float32Array, dimensions: number): Float32Array {
  const sum = new Float32Array(dimensions);
  for (let row = 0; row < states.length; row += dimensions) {
    for (let at = 0; at < dimensions; at += 1) sum[at] = (sum[at] as number) + (states[row + at] as number);
  }
  return toLengthOne(sum);
}

/** Scales in place; a vector of zeros stays as it is. */
export function toLengthOne(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) return vector;
  const scale = 1 / Math.sqrt(squares);
  for (let at = 0; at < vector.length; at += 1) vector[at] = (vector[at] as number) * scale;
  return vector;
}

/** Tokens of a text with its marks at both ends: a longer one loses what stands before the last mark. */
export function truncateTokens(ids: readonly number[], tokens_max: number): readonly number[] {
  return ids.length <= tokens_max ? ids : [...ids.slice(0, tokens_max - 1), ids.at(-1) as number];
}
