/** Exact confidence bounds of a share (Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404). Pure. */

/** The largest share that would give `wrong` or fewer of `total` with probability 1 - `confidence`; 1 of none. */
export function upperBound(wrong: number, total: number, confidence: number): number {
  if (wrong >= total) return 1;
  return betaQuantile(confidence, wrong + 1, total - wrong);
}

/** The smallest share that would give `hits` or more of `total` with probability 1 - `confidence`; 0 of none. */
export function lowerBound(hits: number, total: number, confidence: number): number {
  return hits <= 0 ? 0 : 1 - upperBound(total - hits, total, confidence);
}

/** By halving: the distribution is monotone, and 60 steps reach the last bit that matters. */
function betaQuantile(probability: number, a: number, b: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (betaBelow(middle, a, b) < probability) low = middle;
    else high = middle;
  }
  return high;
}

/** The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22, Lentz's method). */
function betaBelow(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaBelow(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1), tiny);
  let fraction = d;
  for (let m = 1; m < 10_000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / awayFromZero(1 + even * d, tiny);
    c = awayFromZero(1 + even / c, tiny);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / awayFromZero(1 + odd * d, tiny);
    c = awayFromZero(1 + odd / c, tiny);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return front * fraction;
}

function awayFromZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** Lanczos (1964) with g = 7, for arguments of at least 1. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function logGamma(value: number): number {
  const x = value - 1;
  const t = x + 7.5;
  let sum = LANCZOS[0] as number;
  for (let at = 1; at < LANCZOS.length; at += 1) sum += (LANCZOS[at] as number) / (x + at);
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(sum);
}
