/** Embeds the prompts of a file, with a bar while it lasts. */
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import type { Progress } from "../../libs/shared/routing/fitting.ts";
import { createBar } from "../output/bar.ts";

/** Texts that are on their way at once: enough for full batches on every thread. */
const TOGETHER = 64;

/** @param wanted whether a bar is shown, on a terminal. @returns a vector for each prompt, in their order. */
export async function embedAll(
  embedder: Pick<Embedder, "embed">,
  prompts: readonly string[],
  wanted: boolean,
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const bar = createBar("embedding", prompts.length, wanted);
  const vectors: Float32Array[] = [];
  try {
    for (let from = 0; from < prompts.length; from += TOGETHER) {
      signal.throwIfAborted();
      vectors.push(...(await embedder.embed(prompts.slice(from, from + TOGETHER))));
      bar.update(vectors.length, prompts.length, "");
    }
  } finally {
    bar.stop();
  }
  return vectors;
}

/** Runs what tells its progress step by step, leaving room for signals between the steps. */
export async function runSteps<Value>(
  label: string,
  steps: Generator<Progress, Value>,
  wanted: boolean,
  signal: AbortSignal,
): Promise<Value> {
  const bar = createBar(label, 1, wanted);
  try {
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return step.value;
      bar.update(step.value.done, step.value.of, "");
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
  } finally {
    bar.stop();
  }
}
