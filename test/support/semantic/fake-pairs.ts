/** Pairs of questions made by rule, and an embedder that knows words alone. */
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import { chance } from "../../../libs/shared/semantic/chance.ts";
import type { Pair } from "../../../libs/shared/semantic/pairs.ts";

export const FAKE_MODEL = "fake";
const DIMENSIONS = 64;

/** A sum of one fixed vector a word, of length 1. */
export function fakeVector(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  for (const word of text.toLowerCase().match(/\w+/g) ?? []) {
    const random = chance([...word].reduce((hash, letter) => Math.imul(hash, 31) + letter.charCodeAt(0), 7));
    for (let at = 0; at < DIMENSIONS; at += 1) vector[at] = (vector[at] as number) + random() - 0.5;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

export function fakeEmbedder(): Embedder {
  return {
    model: FAKE_MODEL,
    dimensions: DIMENSIONS,
    embed: async (texts) => texts.map(fakeVector),
    close: async () => undefined,
  };
}

const VERBS = ["paint", "repair", "clean", "sell", "rent", "build", "move", "heat"];
const THINGS = ["fence", "kitchen", "garden", "bicycle", "window", "roof", "piano", "carpet", "engine", "tent"];

/** Half of them ask the same in other words; the others ask about another thing. No two pairs share a question. */
export function fakePairs(count: number, seed: number): Pair[] {
  const random = chance(seed);
  const pick = (items: readonly string[]): string => items[Math.floor(random() * items.length)] as string;
  return Array.from({ length: count }, (_, at) => {
    const [verb, thing, place] = [pick(VERBS), pick(THINGS), `place${seed}x${at}`];
    const duplicate = random() < 0.5;
    const other = duplicate ? thing : pick(THINGS.filter((item) => item !== thing));
    return {
      a: `how can i ${verb} the ${thing} of ${place}`,
      b: `what is a way to ${verb} the ${other} of ${place}`,
      duplicate,
    };
  });
}
