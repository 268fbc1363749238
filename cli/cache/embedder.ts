/** The embedder of the settings, for verbs that embed many texts at once. */
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { type EmbeddingPlace, openEmbedder } from "../../libs/shared/embedding/open.ts";
import type { CliContext, Env } from "../context.ts";

/** Nobody waits for a single text, so a busy machine may take its time. */
const TIMEOUT_MS = 60_000;

/** Undefined where the settings have no semantic cache. @throws `embedding_unavailable`, or `settings_invalid` for an endpoint without an address. */
export async function openCliEmbedder(context: CliContext, env: Env): Promise<Embedder | undefined> {
  const { enabled, embedding } = context.settings.cache.semantic;
  if (!enabled) return undefined;
  return openEmbedder({ ...embedding, timeout_ms: TIMEOUT_MS }, placeOf(context, env));
}

/** The first key of an endpoint's that there is. */
function placeOf({ settings, environment }: CliContext, env: Env): EmbeddingPlace {
  const { endpoints, cache } = settings;
  const name = cache.semantic.embedding.endpoint;
  const endpoint = name === undefined || !Object.hasOwn(endpoints, name) ? undefined : endpoints[name];
  // A variable that is set to nothing is not set.
  const base_url = endpoint === undefined ? undefined : env[endpoint.base_url_env] || undefined;
  if (endpoint === undefined || base_url === undefined) return { model_dir: environment.embedding_model_dir };
  const api_key = [endpoint.api_key_env].flat().flatMap((variable) => env[variable] || [])[0];
  return { endpoint: { base_url, api_key } };
}
