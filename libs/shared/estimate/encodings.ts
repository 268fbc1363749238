/**
 * How many tokens a text has at the most, in OpenAI's encodings (`gpt-tokenizer`) or by its bytes. Pure, once the encodings are loaded.
 *
 * Every count is an upper bound, in time that grows with the text's length alone:
 * - A text is split by the encoding's own pattern into pieces, and byte pairs are merged within a piece, in quadratic time. A run of
 *   characters that may be one long piece is therefore counted by its bytes: no token is shorter than a byte.
 * - Beyond `TOKENIZED_BYTES_MAX`, of a request in all, only plain words are counted by the tokenizer, and each of them once.
 * - What looks like a special token is text.
 */
import type { z } from "zod";
import type { priceSchema } from "../config/inference.ts";

export type PriceSettings = z.infer<typeof priceSchema>;
export type Encoding = PriceSettings["encoding"];

/** Bytes of a request that the tokenizer reads in full; about 0.15 ms a KiB of English. */
export const TOKENIZED_BYTES_MAX = 64 * 1024;
/** The longest run of letters, signs or white space that is given to the tokenizer, in UTF-16 units. */
const RUN_MAX = 128;
/** Where a text is cut for counting, pieces at the cut may be split otherwise than in the whole. */
const CUT_MARGIN_TOKENS = 4;
/**
 * OpenAI's rule of thumb, "1 token ~= 4 chars in English" (help.openai.com, What are tokens): counts are never below it, since models
 * behind other URLs have other tokenizers, and long words have few tokens in OpenAI's.
 */
const CHARS_PER_TOKEN_MAX = 4;
/** Of a long text: a word that both patterns take for a piece by itself, wherever it stands. */
const PLAIN_WORD = / [a-z]{1,15}(?=[ ,.;:\n])/g;
/** Different words of one long text that the tokenizer counts; others count by their bytes. */
const WORDS_MAX = 4_000;
/** Pieces whose merges the library remembers: some MB at the most. */
const MERGE_CACHE_ENTRIES = 10_000;

/** Tokens of a short text, exactly. */
type Count = (text: string) => number;

type Library = {
  countTokens(text: string, options: { allowedSpecial: Set<string>; disallowedSpecial: Set<string> }): number;
  setMergeCacheSize(size: number): void;
};

const LIBRARIES: Readonly<Record<Exclude<Encoding, "bytes">, () => Promise<Library>>> = {
  o200k_base: () => import("gpt-tokenizer/encoding/o200k_base"),
  cl100k_base: () => import("gpt-tokenizer/encoding/cl100k_base"),
};

/** The encodings that some price uses, loaded; one that is missing counts by bytes. */
export type Encodings = ReadonlyMap<Encoding, Count>;

/** Loads what the prices use and nothing else: an encoding takes some 20 to 70 MB of memory and up to 0.3 s. */
export async function loadEncodings(
  models: Readonly<Record<string, Pick<PriceSettings, "encoding">>>,
): Promise<Encodings> {
  const used = [...new Set(Object.values(models).map(({ encoding }) => encoding))];
  const loaded = await Promise.all(used.flatMap((encoding) => (encoding === "bytes" ? [] : [load(encoding)])));
  return new Map(loaded);
}

async function load(encoding: Exclude<Encoding, "bytes">): Promise<readonly [Encoding, Count]> {
  const library = await LIBRARIES[encoding]();
  library.setMergeCacheSize(MERGE_CACHE_ENTRIES);
  const as_text = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
  return [encoding, (text) => library.countTokens(text, as_text)];
}

/** Counts the texts of one request, which share what may be spent on exact counts. @returns tokens of a text, never too few. */
export function textCounter(price: Pick<PriceSettings, "encoding" | "bytes_per_token">, encodings: Encodings): Count {
  if (price.encoding === "bytes") {
    return (text) => Math.ceil(Buffer.byteLength(text) / price.bytes_per_token);
  }
  const count = encodings.get(price.encoding);
  let left_bytes = TOKENIZED_BYTES_MAX;
  return (text) => {
    const bytes = Buffer.byteLength(text);
    if (count === undefined) return bytes;
    const head = bytes <= left_bytes ? text : prefix(text, Math.floor(left_bytes / 3));
    left_bytes -= Math.min(left_bytes, Buffer.byteLength(head));
    const tail = text.slice(head.length);
    const tokens = counted(head, count) + (tail === "" ? 0 : CUT_MARGIN_TOKENS + roughly(tail, count));
    return Math.max(tokens, Math.ceil(text.length / CHARS_PER_TOKEN_MAX));
  };
}

/** At most so many UTF-16 units (of three bytes at the most), no surrogate pair split. */
function prefix(text: string, units_max: number): string {
  const unit = text.charCodeAt(units_max - 1);
  return text.slice(0, Math.max(0, unit >= 0xd800 && unit <= 0xdbff ? units_max - 1 : units_max));
}

/** By the tokenizer, but for long runs. */
function counted(text: string, count: Count): number {
  let tokens = 0;
  let from = 0;
  for (const run of longRuns(text)) {
    tokens +=
      count(text.slice(from, run.from)) + Buffer.byteLength(text.slice(run.from, run.to)) + 2 * CUT_MARGIN_TOKENS;
    from = run.to;
  }
  return tokens + (from < text.length ? count(text.slice(from)) : 0);
}

/** Plain words by the tokenizer, all else by bytes. */
function roughly(text: string, count: Count): number {
  const known = new Map<string, number>();
  let tokens = Buffer.byteLength(text);
  for (const [word] of text.matchAll(PLAIN_WORD)) {
    let of_word = known.get(word);
    if (of_word === undefined) {
      if (known.size >= WORDS_MAX) continue;
      of_word = count(word);
      known.set(word, of_word);
    }
    tokens -= word.length - of_word;
  }
  return tokens;
}

type Run = { readonly from: number; readonly to: number };

const LETTER = 1;
const SIGN = 2;
const SPACE = 4;

/** Runs of more than RUN_MAX units that may be letters, signs or white space throughout: only within them can a piece be long. */
function longRuns(text: string): Run[] {
  const runs: Run[] = [];
  let letters = 0;
  let signs = 0;
  let spaces = 0;
  let begin = -1;
  for (let at = 0; at <= text.length; at += 1) {
    const kinds = at === text.length ? 0 : kindsOf(text.charCodeAt(at));
    letters = (kinds & LETTER) === 0 ? 0 : letters + 1;
    signs = (kinds & SIGN) === 0 ? 0 : signs + 1;
    spaces = (kinds & SPACE) === 0 ? 0 : spaces + 1;
    const longest = Math.max(letters, signs, spaces);
    if (longest > RUN_MAX) {
      if (begin < 0) begin = at + 1 - longest;
    } else if (begin >= 0) {
      runs.push({ from: begin, to: at });
      begin = -1;
    }
  }
  return runs;
}

/** What a character may be in the encodings' patterns. Line ends and slashes may follow signs in one piece; other scripts may be all. */
function kindsOf(unit: number): number {
  if (unit >= 0x80) return isLetter(unit) ? LETTER : isPunctuation(unit) ? SIGN : LETTER | SIGN | SPACE;
  if ((unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a)) return LETTER;
  if (unit >= 0x30 && unit <= 0x39) return 0;
  if (unit === 0x0a || unit === 0x0d) return SPACE | SIGN;
  if (unit === 0x20 || unit === 0x09 || unit === 0x0b || unit === 0x0c) return SPACE;
  return SIGN;
}

/** Nothing but letters (Unicode, category L): Latin, Cyrillic, Hiragana, Katakana, Han and Hangul. */
function isLetter(unit: number): boolean {
  return (
    (unit >= 0xc0 && unit <= 0x24f && unit !== 0xd7 && unit !== 0xf7) ||
    (unit >= 0x400 && unit <= 0x481) ||
    (unit >= 0x3041 && unit <= 0x3096) ||
    (unit >= 0x30a1 && unit <= 0x30fa) ||
    (unit >= 0x4e00 && unit <= 0x9fff) ||
    (unit >= 0xac00 && unit <= 0xd7a3)
  );
}

/** Signs that end sentences and clauses in Chinese and Japanese, and typographic dashes and quotes. */
function isPunctuation(unit: number): boolean {
  return (
    unit === 0x3001 ||
    unit === 0x3002 ||
    unit === 0xff01 ||
    unit === 0xff0c ||
    unit === 0xff1a ||
    unit === 0xff1b ||
    unit === 0xff1f ||
    (unit >= 0x2010 && unit <= 0x2027)
  );
}
