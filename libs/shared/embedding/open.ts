/** The embedder that the settings ask for: a model in threads of this process, or an endpoint. */
import { existsSync } from "node:fs";
import { type Clock, systemClock } from "../clock.ts";
import type { EmbeddingSettings } from "../config/cache.ts";
import type { Embedder } from "./embedder.ts";
import { embeddingImpossible } from "./failure.ts";
import { GatheringEmbedder } from "./gathering.ts";
import { modelFilesIn } from "./sentence-model.ts";
import { WorkerPool } from "./worker-pool.ts";

export type EmbeddingPlace = {
  /** A folder with `<model>.onnx` and `<model>-tokenizer.json`, for a model in this process. */
  readonly model_dir?: string | undefined;
  readonly clock?: Clock;
  /** For the jitter of back-off, uniform in [0, 1). */
  readonly random?: () => number;
};

/**
 * Vectors are shared with later callers of the same text: do not write to them.
 * @throws `embedding_unavailable` when there is no model, or none that can be loaded.
 */
export async function openEmbedder(settings: EmbeddingSettings, where: EmbeddingPlace): Promise<Embedder> {
  const { clock = systemClock, random = Math.random } = where;
  const files = modelFilesIn(folderOf(settings, where), settings.model);
  const backend = await WorkerPool.open({ files, workers: settings.workers, clock, random });
  return new GatheringEmbedder(backend, settings, clock);
}

function folderOf({ model }: EmbeddingSettings, { model_dir }: EmbeddingPlace): string {
  const fix = "Run `npx sluice up` once, which fetches it, or name an endpoint in cache.semantic.embedding.";
  if (model_dir === undefined) throw embeddingImpossible(`there is no folder with the model ${model}`, fix);
  for (const file of Object.values(modelFilesIn(model_dir, model))) {
    if (!existsSync(file)) throw embeddingImpossible(`${file} is missing`, fix);
  }
  return model_dir;
}
