/** The embedder of the settings, for verbs that embed many texts at once. */
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../libs/shared/embedding/open.ts";
import { embeddingPlace } from "../../libs/shared/embedding/place.ts";
import { embeddingModelDir } from "../../tools/stack/model.ts";
import { type CliContext, type Env, ROOT } from "../context.ts";
import { say } from "../output/terminal.ts";

/** Nobody waits for a single text, so a busy machine may take its time. */
const TIMEOUT_MS = 60_000;

/**
 * A model in process is fetched once, where it is not there yet. Undefined where the settings have no semantic cache.
 * @throws `embedding_unavailable`
 */
export async function openCliEmbedder(
  { settings }: Pick<CliContext, "settings">,
  env: Env,
): Promise<Embedder | undefined> {
  const { enabled, embedding } = settings.cache.semantic;
  if (!enabled) return undefined;
  const in_process = embedding.endpoint === undefined;
  const model_dir = in_process ? await embeddingModelDir({ root: ROOT, env, say }, embedding.model) : undefined;
  return openEmbedder({ ...embedding, timeout_ms: TIMEOUT_MS }, embeddingPlace(settings, env, model_dir));
}
