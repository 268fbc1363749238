/**
 * Whether two answers say the same. Pure.
 *
 * Equal they are in one spelling of white space and case, or as JSON. Else their embeddings say: of long texts piece by piece, each with
 * the piece of the other that is nearest, and the smaller mean of both directions counts (greedy matching, as BERTScore has it: Zhang et
 * al., ICLR 2020), so that what one says beyond the other makes them differ. Between short answers the guard may refuse as well: "at 5
 * pm" and "at 6 pm" are near and not the same. In long ones numbers and negations come and go without harm.
 */
import { canonicalJson } from "../../../libs/shared/canonical.ts";
import { cosine } from "../../../libs/shared/embedding/quantized.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";

export type Compared = { readonly same: boolean; readonly similarity: number; readonly differs_by?: string };

/** Why two texts cannot mean the same, in a word: `numbers`, `negation`…; undefined where nothing is against it. */
export type Refuses = (left: string, right: string) => string | undefined;

/** What makes answers differ. The guard looks at more, in questions: an answer may name other things, and be asked otherwise. */
const TELLING: readonly string[] = ["numbers", "units", "dates", "polarity", "negation", "language"];

/** Of what refuses two questions, what refuses two answers. */
export function forAnswers(refuses: Refuses): Refuses {
  return (left, right) => {
    const check = refuses(left, right);
    return check !== undefined && TELLING.includes(check) ? check : undefined;
  };
}

/** About what the model in process reads of a text at once. */
export const PIECE_CHARS_MAX = 1_000;

export function isEqual(left: string, right: string): boolean {
  if (spelled(left) === spelled(right)) return true;
  const [one, other] = [objectOf(left), objectOf(right)];
  return one !== undefined && other !== undefined && canonicalJson(one) === canonicalJson(other);
}

function spelled(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/** JSON that is more than a word, also between the marks of a code block. */
function objectOf(text: string): object | undefined {
  const inner = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text;
  if (!/^\s*[[{]/.test(inner)) return undefined;
  const parsed = parseJson(Buffer.from(inner));
  return typeof parsed === "object" && parsed !== null ? parsed : undefined;
}

/** The text in pieces that are not longer than can be embedded, cut where a sentence or a line ends if one does in their second half. */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const window = text.slice(at, at + PIECE_CHARS_MAX);
    const whole = at + window.length >= text.length;
    const length = whole ? window.length : cutAt(window);
    const piece = window.slice(0, length).trim();
    if (piece !== "") pieces.push(piece);
    at += length;
  }
  return pieces;
}

function cutAt(window: string): number {
  const half = window.length / 2;
  for (const mark of [/\n\s*\n|\n/g, /[.!?。！？]\s|[。！？]/g, /\s/g]) {
    const ends = [...window.matchAll(mark)].map((found) => found.index + found[0].length);
    const last = ends.findLast((end) => end >= half);
    if (last !== undefined) return last;
  }
  return window.length;
}

/** @param left vectors of one text's pieces, @param right of the other's. */
export function similarityOf(left: readonly Float32Array[], right: readonly Float32Array[]): number {
  if (left.length === 0 || right.length === 0) return 0;
  return Math.min(nearest(left, right), nearest(right, left));
}

function nearest(of: readonly Float32Array[], among: readonly Float32Array[]): number {
  const best = of.map((one) => Math.max(...among.map((other) => cosine(one, other))));
  return best.reduce((sum, value) => sum + value, 0) / best.length;
}

/** What is left without an embedder: the part of the words that both have (Dice). */
export function wordSimilarity(left: string, right: string): number {
  const [one, other] = [wordsOf(left), wordsOf(right)];
  const both = [...one].filter((word) => other.has(word)).length;
  return one.size + other.size === 0 ? 0 : (2 * both) / (one.size + other.size);
}

function wordsOf(text: string): Set<string> {
  return new Set(spelled(text).match(/[\p{L}\p{N}]+/gu));
}

/** @param similarity undefined where the texts are equal. */
export function compared(
  left: string,
  right: string,
  similarity: number | undefined,
  similarity_min: number,
  refuses: Refuses,
): Compared {
  if (similarity === undefined) return { same: true, similarity: 1 };
  if (similarity < similarity_min) return { same: false, similarity, differs_by: "meaning" };
  const short = left.length <= PIECE_CHARS_MAX && right.length <= PIECE_CHARS_MAX;
  const differs_by = short ? refuses(left, right) : undefined;
  return differs_by === undefined ? { same: true, similarity } : { same: false, similarity, differs_by };
}
