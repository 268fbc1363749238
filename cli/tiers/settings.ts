/** What the verbs of tiers work with: the settings file alone, and no running Sluice. */
import { join } from "node:path";
import { loadSettings } from "../../libs/shared/config/load.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../libs/shared/embedding/open.ts";
import { embeddingPlace } from "../../libs/shared/embedding/place.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { CallCosts } from "../../libs/shared/routing/evaluation.ts";
import type { LabelledPrompt } from "../../libs/shared/routing/labelled.ts";
import { ladderOf } from "../../libs/shared/routing/ladder.ts";
import { embeddingModelDir } from "../../tools/stack/model.ts";
import { type Env, ROOT } from "../context.ts";
import { say } from "../output/terminal.ts";

/** Nobody waits for a single text, so a busy machine may take its time. */
const TIMEOUT_MS = 60_000;

export function readSettings(env: Env): Promise<Settings> {
  return loadSettings(env["SLUICE_SETTINGS"] ?? join(ROOT, "sluice.yaml"));
}

/**
 * The embedder of the settings; a model in process is fetched once, where it is not there yet.
 * @throws `embedding_unavailable`
 */
export async function openTierEmbedder(settings: Settings, env: Env): Promise<Embedder> {
  const { embedding } = settings.cache.semantic;
  const in_process = embedding.endpoint === undefined;
  const model_dir = in_process ? await embeddingModelDir({ root: ROOT, env, say }, embedding.model) : undefined;
  return openEmbedder({ ...embedding, timeout_ms: TIMEOUT_MS }, embeddingPlace(settings, env, model_dir));
}

export type TwoTiers = { readonly weak: string; readonly strong: string };

/** Those that are named, else the first two of the ladder. @throws `usage` where there are no two. */
export function twoTiers(settings: Settings, named: Partial<TwoTiers>): TwoTiers {
  const ladder = ladderOf(settings, "chat");
  const weak = named.weak ?? ladder[0];
  const strong = named.strong ?? ladder.find((tier) => tier !== weak);
  const fix = "Name them with --weak and --strong, or set routing.ladder.";
  if (weak === undefined || strong === undefined || weak === strong) {
    throw new SluiceError("usage", "a policy chooses between two tiers, and the ladder has no two", { fix });
  }
  for (const tier of [weak, strong]) {
    if (Object.hasOwn(settings.tiers, tier) && settings.tiers[tier]?.kind === "chat") continue;
    throw new SluiceError("usage", `there is no chat tier "${tier}" in the settings`, { fix });
  }
  return { weak, strong };
}

/** English text in OpenAI's encodings. */
const CHARS_PER_TOKEN = 4;
/** Of an answer whose text is not there. */
const ANSWER_TOKENS = 250;

/** The mean cost of a call to each tier's first model, in dollars, by its price and the lengths of prompts and answers. */
export function callCosts(settings: Settings, { weak, strong }: TwoTiers, rows: readonly LabelledPrompt[]): CallCosts {
  const cost = (tier: string, answer: (row: LabelledPrompt) => number | undefined): number => {
    const price = settings.prices.models[settings.tiers[tier]?.models[0] ?? ""];
    if (price === undefined || rows.length === 0) return 0;
    const sum = rows.reduce((total, row) => {
      const chars = answer(row);
      const output = chars === undefined ? ANSWER_TOKENS : chars / CHARS_PER_TOKEN;
      const input = row.prompt.length / CHARS_PER_TOKEN;
      return total + input * price.input_usd_per_mtok + output * price.output_usd_per_mtok;
    }, 0);
    return sum / rows.length / 1e6;
  };
  return { weak: cost(weak, (row) => row.weak_chars), strong: cost(strong, (row) => row.strong_chars) };
}
