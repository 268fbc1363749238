/** Meaning without a model: texts that share most of their words are near. */
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { cosine } from "../../libs/shared/embedding/quantized.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Verifier } from "../../libs/shared/semantic/verifier.ts";
import { partitionOf } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";

export const TOY_MODEL = "bag-of-words";
export const TOY_DIMENSIONS = 32;
/** One word more or less in seven is above it, another word below it. */
export const TOY_THRESHOLD = 0.88;

/** Words hashed into a vector; at times it does not answer. */
export function toyEmbedder(process: SimulatedProcess): Embedder {
  const lost = (): Error => new SluiceError("embedding_unavailable", "no answer in time", { retryable: true });
  return {
    model: TOY_MODEL,
    dimensions: TOY_DIMENSIONS,
    embed: (texts) => process.call("embed", () => texts.map(vectorOf), { lost }),
    close: async () => undefined,
  };
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(TOY_DIMENSIONS);
  for (const word of text.toLowerCase().split(" ")) {
    const at = partitionOf(word, TOY_DIMENSIONS);
    vector[at] = (vector[at] ?? 0) + 1;
  }
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** The nearer, the likelier; the guard is not simulated. */
export const toyVerifier: Pick<Verifier, "judge"> = {
  judge(left, right) {
    const similarity = cosine(left.vector, right.vector);
    return { similarity, probability: Math.max(0, Math.min(1, similarity)) };
  },
};
