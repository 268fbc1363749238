/**
 * From scores to probabilities: a logistic curve with two parameters (Platt 1999), its targets smoothed and found by Newton's method as Lin,
 * Lin and Weng (2007, doi 10.1007/s10994-007-5018-6) advise. Never decreasing: it changes no order. Pure.
 */

export type Curve = { readonly slope: number; readonly shift: number };

export type Scored = { readonly score: number; readonly duplicate: boolean; readonly weight?: number };

/** As strong as so many pairs for the curve that changes nothing: few pairs move it little. */
const PRIOR_PAIRS = 10;
const SLOPE_MIN = 0.05;
const STEPS_MAX = 100;

export function fitCurve(pairs: readonly Scored[]): Curve {
  let { slope, shift } = { slope: 1, shift: 0 };
  const right = total(pairs, true);
  const wrong = total(pairs, false);
  const high = (right + 1) / (right + 2);
  const low = 1 / (wrong + 2);
  for (let step = 0; step < STEPS_MAX; step += 1) {
    // The pull towards slope 1 and shift 0.
    const pull = PRIOR_PAIRS / 4;
    let by_slope = -pull * (slope - 1);
    let by_shift = -pull * shift;
    let slopes = pull;
    let shifts = pull;
    let both = 0;
    for (const { score, duplicate, weight = 1 } of pairs) {
      const probability = 1 / (1 + Math.exp(-(slope * score + shift)));
      const miss = weight * ((duplicate ? high : low) - probability);
      const spread = weight * probability * (1 - probability);
      by_slope += miss * score;
      by_shift += miss;
      slopes += spread * score * score;
      both += spread * score;
      shifts += spread;
    }
    const scale = slopes * shifts - both * both;
    const move_slope = (shifts * by_slope - both * by_shift) / scale;
    const move_shift = (slopes * by_shift - both * by_slope) / scale;
    slope = Math.max(SLOPE_MIN, slope + clamp(move_slope));
    shift += clamp(move_shift);
    if (Math.abs(move_slope) + Math.abs(move_shift) < 1e-9) break;
  }
  return { slope: Number(slope.toFixed(6)), shift: Number(shift.toFixed(6)) };
}

export function probabilityOf({ slope, shift }: Curve, score: number): number {
  return 1 / (1 + Math.exp(-(slope * score + shift)));
}

function clamp(move: number): number {
  return Math.max(-1, Math.min(1, move));
}

function total(pairs: readonly Scored[], duplicate: boolean): number {
  return pairs.reduce((sum, pair) => sum + (pair.duplicate === duplicate ? (pair.weight ?? 1) : 0), 0);
}
