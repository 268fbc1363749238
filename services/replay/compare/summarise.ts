/** Wires the comparison of a replay: with distances between answers where there are embeddings, without them where there are none. */
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../../libs/shared/embedding/open.ts";
import { embeddingPlace } from "../../../libs/shared/embedding/place.ts";
import type { Replay } from "../../../libs/shared/replay/replay.ts";
import type { ReplayParts } from "../parts.ts";
import { compareResults } from "./compare-results.ts";
import { originalResults, replayedResults } from "./read.ts";
import type { Comparison } from "./summary.ts";

export type SummariseOptions = {
  /** Pairs of differing answers that are embedded at the most. */
  readonly distances_max: number;
  readonly worst_max: number;
  /** So much of each answer is kept with the worst differences; 0 for none. */
  readonly text_chars: number;
  readonly progress?: (compared: number) => void;
};

type Parts = Pick<ReplayParts, "kafka" | "codec" | "pool" | "names" | "settings" | "environment" | "variables" | "log">;

/** Nobody waits for a single text, so a busy machine may take its time. */
const TIMEOUT_MS = 60_000;

/** @returns undefined for a stage, whose Results are in the place of the original ones. @throws retryable while a part is away. */
export async function compareReplay(
  parts: Parts,
  { id, spec: { mode } }: Pick<Replay, "id" | "spec">,
  options: SummariseOptions,
): Promise<Comparison | undefined> {
  if (mode === "stage") return undefined;
  const embedder = new EmbedderWhenNeeded(parts);
  try {
    const deps = {
      results: replayedResults(parts, parts.names.replay(id)),
      originals: (asked: Parameters<typeof originalResults>[1]) => originalResults(parts.pool, asked),
      ...(options.distances_max === 0 || !embedder.isThere() ? {} : { embedder }),
      ...options,
    };
    return await compareResults(deps, id, mode);
  } finally {
    await embedder.close();
  }
}

/** Opened at the first text: most replays have no answer that differs. */
class EmbedderWhenNeeded {
  readonly #parts: Parts;
  #opened: Promise<Embedder> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether the settings and the environment say where embeddings come from. */
  isThere(): boolean {
    const { settings, variables, environment } = this.#parts;
    const { model_dir, endpoint } = embeddingPlace(settings, variables, environment.embedding_model_dir);
    return model_dir !== undefined || endpoint !== undefined;
  }

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    this.#opened ??= this.#open();
    return (await this.#opened).embed(texts);
  }

  async close(): Promise<void> {
    await (await this.#opened?.catch(() => undefined))?.close();
  }

  #open(): Promise<Embedder> {
    const { settings, variables, environment } = this.#parts;
    const place = embeddingPlace(settings, variables, environment.embedding_model_dir);
    return openEmbedder({ ...settings.cache.semantic.embedding, timeout_ms: TIMEOUT_MS }, place);
  }
}
