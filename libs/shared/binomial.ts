/** What a count of successes says of their probability. Pure. */

/**
 * The exact upper limit of Clopper and Pearson (Biometrika 26, 1934): with the confidence given, the probability is not above it. By
 * bisection on the binomial distribution, whose terms are summed in logarithms.
 * @param confidence one-sided, from 0 to 1. @returns 1 where nothing was seen.
 */
export function upperLimit(successes: number, trials: number, confidence: number): number {
  if (trials === 0 || successes >= trials) return 1;
  let low = successes / trials;
  let high = 1;
  for (let step = 0; step < 50; step += 1) {
    const middle = (low + high) / 2;
    if (atMost(successes, trials, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** The probability of so many successes or fewer. */
function atMost(successes: number, trials: number, probability: number): number {
  if (probability >= 1) return successes >= trials ? 1 : 0;
  if (probability <= 0) return 1;
  const [log_yes, log_no] = [Math.log(probability), Math.log1p(-probability)];
  let log_choose = 0;
  let sum = 0;
  for (let k = 0; k <= successes; k += 1) {
    if (k > 0) log_choose += Math.log((trials - k + 1) / k);
    sum += Math.exp(log_choose + k * log_yes + (trials - k) * log_no);
  }
  return Math.min(1, sum);
}
