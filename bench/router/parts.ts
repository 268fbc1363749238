/** What the scenarios have in common: the settings by default, the model, the heap. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ROOT } from "../../cli/context.ts";
import { cacheSchema } from "../../libs/shared/config/cache.ts";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../libs/shared/embedding/open.ts";
import { embeddingModelDir } from "../../tools/stack/model.ts";

export const CACHE = cacheSchema.parse({});

/** As the router has it; only that a busy machine may take its time. */
export async function openModel(signal: AbortSignal, say: (line: string) => void): Promise<Embedder> {
  const model_dir = await embeddingModelDir({ root: ROOT, env: process.env, say, signal });
  return openEmbedder({ ...CACHE.semantic.embedding, timeout_ms: 60_000 }, { model_dir });
}

/** Bytes on the heap that are in use, after a full collection. */
export function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
