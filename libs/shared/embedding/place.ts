/** Where the settings' embeddings come from: an endpoint with its address and key, or a folder with a model. Pure. */
import type { Settings } from "../config/schema.ts";
import type { EmbeddingPlace } from "./open.ts";

/** Whether anything that the settings have looks at embeddings: the cache, a trained choice of tiers, comparisons of shadows. */
export function wantsEmbeddings({ cache, routing }: Pick<Settings, "cache" | "routing">): boolean {
  return cache.semantic.enabled || routing.complexity.method === "trained" || Object.keys(routing.shadows).length > 0;
}

/**
 * @param env of the process: addresses and keys are in variables that the settings name. One that is set to nothing is not set.
 * @param model_dir for a model in this process.
 */
export function embeddingPlace(
  { endpoints, cache }: Pick<Settings, "endpoints" | "cache">,
  env: Readonly<Record<string, string | undefined>>,
  model_dir: string | undefined,
): EmbeddingPlace {
  const { endpoint: name } = cache.semantic.embedding;
  if (name === undefined) return { model_dir };
  const endpoint = Object.hasOwn(endpoints, name) ? endpoints[name] : undefined;
  const base_url = endpoint === undefined ? undefined : env[endpoint.base_url_env] || undefined;
  if (endpoint === undefined || base_url === undefined) return {};
  const [api_key] = [endpoint.api_key_env].flat().flatMap((variable) => env[variable] || []);
  return { endpoint: { base_url, api_key } };
}
