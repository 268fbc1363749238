/** Wires what finds answers by meaning: the embedder, and the verifier with its calibration. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../libs/shared/embedding/open.ts";
import { embeddingPlace, wantsEmbeddings } from "../../libs/shared/embedding/place.ts";
import { describe, SluiceError } from "../../libs/shared/errors.ts";
import { openVerifier } from "../../libs/shared/semantic/open.ts";
import type { Verifier } from "../../libs/shared/semantic/verifier.ts";
import type { ServiceContext } from "../../libs/shared/service.ts";

export type SemanticParts = {
  /** Undefined: nothing is embedded, and nothing found by meaning. */
  readonly embedder: Embedder | undefined;
  readonly verifier: Verifier;
  /** The threshold that the calibration gives for `max_error`; undefined where it cannot promise it. */
  readonly base: number | undefined;
};

/** An endpoint that starts at the same time is waited for so often. */
const TRIES = 5;
const TRY_WAIT_MS = 2_000;

/** @throws `settings_invalid` for a calibration that is none, or of another model. Embeddings that are not there only cost their hits. */
export async function openSemantic(
  context: Pick<ServiceContext, "settings" | "log" | "environment">,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SemanticParts> {
  const { settings, log } = context;
  const { semantic } = settings.cache;
  const verifier = await openVerifier(semantic);
  const embedder = wantsEmbeddings(settings) ? await tryEmbedder(context, env) : undefined;
  const base = semantic.enabled ? verifier.thresholdFor(semantic.max_error) : undefined;
  if (semantic.enabled && embedder !== undefined && base === undefined) {
    const fix = "Allow more in cache.semantic.max_error, or calibrate on more pairs: sluice cache calibrate --help.";
    log.warn(
      { max_error: semantic.max_error, fix },
      "the calibration cannot promise so small an error: no semantic hits",
    );
  }
  return { embedder, verifier, base };
}

async function tryEmbedder(
  { settings, environment, log }: Pick<ServiceContext, "settings" | "log" | "environment">,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Embedder | undefined> {
  const where = embeddingPlace(settings, env, environment.embedding_model_dir);
  for (let tried = 1; ; tried += 1) {
    try {
      return await openEmbedder(settings.cache.semantic.embedding, where);
    } catch (error) {
      const again = error instanceof SluiceError && error.retryable && tried < TRIES;
      const what = again ? "embeddings are not there yet" : "there are no embeddings: nothing is found by meaning";
      log.warn({ why: describe(error) }, what);
      if (!again) return undefined;
      await sleep(TRY_WAIT_MS);
    }
  }
}
