/** What `calibrate` and `eval` share: settings without a running stack, an embedder, pairs read and labelled, and how figures read. */
import { join } from "node:path";
import { Option } from "commander";
import { loadSettings } from "../../libs/shared/config/load.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { LabelledPair } from "../../libs/shared/semantic/calibrate.ts";
import type { Evaluation } from "../../libs/shared/semantic/evaluate.ts";
import { labelPairs } from "../../libs/shared/semantic/label.ts";
import { type Env, ROOT } from "../context.ts";
import { createBar } from "../output/bar.ts";
import { formatTable } from "../output/format.ts";
import { say } from "../output/terminal.ts";
import { openCliEmbedder } from "./embedder.ts";
import type { BadLine, PairsRead } from "./pairs-file.ts";

const TOLD_MAX = 20;

export async function settingsOf(env: Env): Promise<Settings> {
  return loadSettings(env["SLUICE_SETTINGS"] || join(ROOT, "sluice.yaml"));
}

/** Also where the semantic cache is switched off: it is measured before it is switched on. */
export async function withEmbedder<T>(
  settings: Settings,
  env: Env,
  work: (embedder: Embedder) => Promise<T>,
): Promise<T> {
  const { cache } = settings;
  const on = { ...settings, cache: { ...cache, semantic: { ...cache.semantic, enabled: true } } };
  const embedder = await openCliEmbedder({ settings: on }, env);
  if (embedder === undefined) throw new SluiceError("internal_error", "no embedder although one is wanted");
  try {
    return await work(embedder);
  } finally {
    await embedder.close();
  }
}

/** Embeds with a progress bar. @throws `usage` where no pair is left. */
export async function label({ pairs, bad }: PairsRead, embedder: Embedder, quiet: boolean, signal: AbortSignal) {
  tellBad(bad);
  if (pairs.length === 0)
    throw new SluiceError("usage", "there are no pairs", { fix: 'A line is {"a", "b", "duplicate"}.' });
  const bar = createBar("embedding", pairs.length, !quiet);
  try {
    const told = (done: number, total: number): void => bar.update(done, total, "questions");
    return (await labelPairs(pairs, embedder, { told, signal })) as readonly LabelledPair[];
  } finally {
    bar.stop();
  }
}

function tellBad(bad: readonly BadLine[]): void {
  for (const { line, problem } of bad.slice(0, TOLD_MAX)) say(`line ${line}: ${problem}`);
  if (bad.length > TOLD_MAX) say(`… and ${bad.length - TOLD_MAX} bad lines more`);
  if (bad.length > 0) say(`${bad.length} bad lines are left out`);
}

/** A part of the hits: `0.02`. */
export function maxErrorOption(description: string): Option {
  return new Option("--max-error <ratio>", description).argParser((text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value > 0 && value <= 0.5)) {
      throw new SluiceError("usage", `--max-error is ${text}; expected a part between 0 and 0.5, such as 0.02`);
    }
    return value;
  });
}

export function evaluationTable(evaluations: readonly Evaluation[]): string {
  const head = [
    "max error",
    "threshold",
    "hits",
    "false hits",
    "precision",
    "error at most",
    "recall",
    "recall at least",
  ];
  const rows = evaluations.map(({ max_error, threshold, hits, false_hits, precision, recall, bounds }) => [
    percent(max_error),
    threshold === null ? "abstains" : threshold.toFixed(4),
    String(hits),
    String(false_hits),
    percent(precision),
    percent(bounds.error_upper),
    percent(recall),
    percent(bounds.recall_lower),
  ]);
  return formatTable(
    head,
    rows,
    head.map((_, column) => column),
  );
}

function percent(part: number | null): string {
  return part === null ? "-" : `${(100 * part).toFixed(1)} %`;
}
