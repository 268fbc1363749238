/** The embedder that the settings ask for: an endpoint, or a model in threads of this process. */
import { existsSync } from "node:fs";
import { type Clock, systemClock } from "../clock.ts";
import type { EmbeddingSettings } from "../config/cache.ts";
import type { EmbeddingBackend } from "./backend.ts";
import type { Embedder } from "./embedder.ts";
import { embeddingImpossible } from "./failure.ts";
import { GatheringEmbedder } from "./gathering.ts";
import { RemoteEmbeddings } from "./remote.ts";
import { modelFilesIn } from "./sentence-model.ts";
import { WorkerPool } from "./worker-pool.ts";

export type EmbeddingPlace = {
  /** A folder with `<model>.onnx` and `<model>-tokenizer.json`, for a model in this process. */
  readonly model_dir?: string | undefined;
  /** What `settings.endpoint` names. `base_url` ends in the API's version. */
  readonly endpoint?: { readonly base_url: string; readonly api_key?: string | undefined } | undefined;
  readonly clock?: Clock;
  /** For the jitter of back-off, uniform in [0, 1). */
  readonly random?: () => number;
};

/**
 * Vectors are shared with later callers of the same text: do not write to them. An endpoint is asked once, for its dimensions.
 * @throws `embedding_unavailable`: retryable when the endpoint is away; not so when the model is not there or cannot be loaded.
 */
export async function openEmbedder(settings: EmbeddingSettings, where: EmbeddingPlace): Promise<Embedder> {
  const backend = await openBackend(settings, where);
  return new GatheringEmbedder(backend, settings, where.clock ?? systemClock);
}

function openBackend(settings: EmbeddingSettings, where: EmbeddingPlace): Promise<EmbeddingBackend> {
  const { clock = systemClock, random = Math.random, endpoint } = where;
  const { model, workers, timeout_ms } = settings;
  if (endpoint !== undefined) return RemoteEmbeddings.open({ ...endpoint, model, timeout_ms, clock, random });
  const files = modelFilesIn(folderOf(settings, where), model);
  return WorkerPool.open({ files, workers, clock, random });
}

function folderOf({ model, endpoint }: EmbeddingSettings, { model_dir }: EmbeddingPlace): string {
  if (endpoint !== undefined) {
    throw embeddingImpossible(`the endpoint ${endpoint} is not known`, "Add it to `endpoints` in sluice.yaml.");
  }
  const fix = "Run `npx sluice up` once, which fetches it, or name an endpoint in cache.semantic.embedding.";
  if (model_dir === undefined) throw embeddingImpossible(`there is no folder with the model ${model}`, fix);
  for (const file of Object.values(modelFilesIn(model_dir, model))) {
    if (!existsSync(file)) throw embeddingImpossible(`${file} is missing`, fix);
  }
  return model_dir;
}
