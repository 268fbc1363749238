/**
 * What a ranking of prompts by their need of the stronger model is worth, as RouteLLM measures it (arXiv 2406.18665, section 3): for each
 * share of prompts that go to the strong model, those ranked first, the *performance gap recovered* is
 *
 *     PGR(share) = (quality(share) − quality of weak) / (quality of strong − quality of weak)
 *
 * APGR is the area under PGR over shares from 0 to 1; CPT(x) the least share from which on PGR is at least x somewhere. Every prompt is a
 * step of the curve, between steps it is straight (RouteLLM takes ten steps), and prompts ranked the same share their gain evenly: a ranking
 * that says nothing has 0.5. An oracle has more than 1, since it asks the strong model only where that is the better one. Pure.
 */

export type Curve = {
  /** Quality when all go to the weak, and all to the strong model. */
  readonly weak: number;
  readonly strong: number;
  /** PGR when the first `n` of `count` prompts go to the strong model, for n from 0 to count. */
  readonly recovered: Float64Array;
};

/**
 * @param scores the need of the strong model, one for each prompt.
 * @param weak,strong quality of the two answers to each prompt, 0 to 1.
 * @returns undefined where the strong model is no better than the weak one: there is no gap to recover.
 */
export function curveOf(
  scores: ArrayLike<number>,
  weak: ArrayLike<number>,
  strong: ArrayLike<number>,
): Curve | undefined {
  const count = scores.length;
  const order = Array.from({ length: count }, (_, at) => at);
  order.sort((one, other) => (scores[other] as number) - (scores[one] as number));
  const gains = order.map((at) => (strong[at] as number) - (weak[at] as number));
  const gap = gains.reduce((sum, gain) => sum + gain, 0);
  if (!(gap > 0)) return undefined;
  const recovered = new Float64Array(count + 1);
  let from = 0;
  while (from < count) {
    let end = from + 1;
    while (end < count && scores[order[end] as number] === scores[order[from] as number]) end += 1;
    const mean = gains.slice(from, end).reduce((sum, gain) => sum + gain, 0) / (end - from);
    for (let at = from; at < end; at += 1) recovered[at + 1] = (recovered[at] as number) + mean / gap;
    from = end;
  }
  const weak_mean = order.reduce((sum, at) => sum + (weak[at] as number), 0) / count;
  return { weak: weak_mean, strong: weak_mean + gap / count, recovered };
}

/** The area under the curve, by the trapezoidal rule. */
export function apgrOf({ recovered }: Curve): number {
  const steps = recovered.length - 1;
  let sum = 0;
  for (let at = 0; at < steps; at += 1) sum += ((recovered[at] as number) + (recovered[at + 1] as number)) / 2;
  return sum / steps;
}

/** The least share of strong calls with so much of the gap recovered. */
export function callShareFor({ recovered }: Curve, wanted: number): number {
  const at = recovered.findIndex((part) => part >= wanted - 1e-12);
  return at < 0 ? 1 : at / (recovered.length - 1);
}

/** PGR at a share of strong calls. */
export function recoveredAt({ recovered }: Curve, share: number): number {
  return recovered[Math.round(share * (recovered.length - 1))] as number;
}
