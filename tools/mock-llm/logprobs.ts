/** Log-probabilities of made-up tokens, with a mean that can be chosen. Pure. */

import { type Random, seededRandom, seedFrom } from "./hash.ts";

export type TokenLogprob = { readonly token: string; readonly logprob: number; readonly bytes: readonly number[] };
export type LogprobEntry = TokenLogprob & { readonly top_logprobs: readonly TokenLogprob[] };

/** What OpenAI writes for "very unlikely". */
const LEAST = -9_999;
const ALTERNATIVES = [" the", " a", " it", " of", " and", " in", " to", " is", " that", " for"] as const;

/** The mean log-probability of an answer that was given none: between -0.05 and -0.45, from its key. */
export function meanLogprob(key: string, seed: number): number {
  return -0.05 - 0.4 * seededRandom(seedFrom(`${key}#logprob`, seed))();
}

/** One entry a token: log-probabilities spread evenly around `mean`, alternatives sharing the mass that is left. */
export function logprobsOf(pieces: readonly string[], mean: number, top: number, random: Random): LogprobEntry[] {
  return pieces.map((token) => {
    const chosen = entry(token, mean * (0.5 + random()));
    return { ...chosen, top_logprobs: alternatives(chosen, top) };
  });
}

function alternatives(chosen: TokenLogprob, top: number): TokenLogprob[] {
  if (top === 0) return [];
  const left = 1 - Math.exp(chosen.logprob);
  const others = Array.from({ length: top - 1 }, (_, i) => {
    const suffix = i < ALTERNATIVES.length ? "" : String(i);
    const token = `${ALTERNATIVES[i % ALTERNATIVES.length] ?? ""}${suffix}`;
    return entry(token === chosen.token ? `${token}.` : token, Math.log(left * 0.5 ** (i + 1)));
  });
  return [chosen, ...others].sort((a, b) => b.logprob - a.logprob);
}

function entry(token: string, logprob: number): TokenLogprob {
  return { token, logprob: Math.max(LEAST, Number(logprob.toFixed(6))), bytes: [...Buffer.from(token)] };
}
