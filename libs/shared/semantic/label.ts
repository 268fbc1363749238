/** Labelled pairs made ready for fitting: embedded, read, and asked of the guard. */
import type { Embedder } from "../embedding/embedder.ts";
import { quantize } from "../embedding/quantized.ts";
import type { LabelledPair } from "./calibrate.ts";
import { type ReadQuestion, readQuestion } from "./features.ts";
import { guard } from "./guard/guard.ts";
import type { Pair } from "./pairs.ts";
import { questionGroups } from "./split.ts";

/** Texts asked for together, and how many such asks are under way. */
const CHUNK = 32;
const AT_ONCE = 4;

export type LabelOptions = {
  /** After each chunk: texts embedded, of how many. */
  readonly told?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
};

/** In the order of the pairs. Each text is embedded once. @throws what the embedder throws; the signal's reason when it is aborted. */
export async function labelPairs(
  pairs: readonly Pair[],
  embedder: Pick<Embedder, "embed">,
  options: LabelOptions = {},
): Promise<LabelledPair[]> {
  const read = await readAll([...new Set(pairs.flatMap(({ a, b }) => [a, b]))], embedder, options);
  const groups = questionGroups(pairs);
  return pairs.map(({ a, b, duplicate }, row) => {
    const [left, right] = [read.get(a) as ReadQuestion, read.get(b) as ReadQuestion];
    return { left, right, duplicate, refused_by: guard(a, b), group: groups[row] as number };
  });
}

async function readAll(
  texts: readonly string[],
  embedder: Pick<Embedder, "embed">,
  { told, signal }: LabelOptions,
): Promise<Map<string, ReadQuestion>> {
  // Texts of one length together: none is padded for a longer one's sake.
  const ordered = texts.toSorted((one, other) => one.length - other.length);
  const read = new Map<string, ReadQuestion>();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < ordered.length) {
      signal?.throwIfAborted();
      const chunk = ordered.slice(next, next + CHUNK);
      next += CHUNK;
      const vectors = await embedder.embed(chunk);
      chunk.forEach((text, at) => {
        read.set(text, readQuestion({ text, vector: quantize(vectors[at] as Float32Array) }));
      });
      told?.(read.size, ordered.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return read;
}
