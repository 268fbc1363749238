/** The tables of words as they are looked up: by stem, phrases by their first word. Pure. */
import { stem } from "./stem.ts";
import { ANTONYMS } from "./tables/antonyms.ts";
import { FRAME_WORDS, FUNCTION_WORDS } from "./tables/frame-words.ts";
import { CITIES, COUNTRIES } from "./tables/places.ts";
import { PRODUCTS } from "./tables/products.ts";
import { SYNONYMS } from "./tables/synonyms.ts";

/** A word of an axis is at its left end (1) or its right end (-1). */
export type Pole = { readonly axis: number; readonly sign: 1 | -1 };

export const functionWords: ReadonlySet<string> = new Set(wordsOf(FUNCTION_WORDS));
/** By stem. */
export const frameWords: ReadonlySet<string> = new Set(wordsOf(FRAME_WORDS).map(stem));
/** The word that stands for all that mean the same, by stem; phrases are stems joined by `_`. */
export const concepts: ReadonlyMap<string, string> = conceptsOf(SYNONYMS);
/** By the word as it is and by stem; phrases are joined by `_`. */
export const poles: ReadonlyMap<string, readonly Pole[]> = polesOf(ANTONYMS);
/** Countries, peoples and languages: the name that stands for all of the same; all else stands for itself. */
export const gazetteer: ReadonlyMap<string, string> = gazetteerOf();
/** Phrases of the tables by their first word's stem: the stems that follow, and the whole. */
export const phrases: ReadonlyMap<string, readonly (readonly string[])[]> = phrasesOf();

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** A phrase's words each by stem. */
function stemOf(entry: string): string {
  return entry.split("_").map(stem).join("_");
}

/** Lines that share a word do not melt into one: the first line that has a word decides what it stands for. */
function conceptsOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of linesOf(text)) {
    const group = wordsOf(line).map(stemOf);
    const head = found.get(group[0] ?? "") ?? group[0] ?? "";
    for (const member of group) if (!found.has(member)) found.set(member, head);
  }
  return found;
}

function polesOf(text: string): ReadonlyMap<string, readonly Pole[]> {
  const found = new Map<string, Pole[]>();
  for (const [axis, line] of linesOf(text).entries()) {
    for (const [end, words] of line.split("|").entries()) {
      const pole = { axis, sign: end === 0 ? 1 : -1 } as const;
      const keys = new Set(wordsOf(words).flatMap((word) => [word, stemOf(word)]));
      for (const key of keys) found.set(key, [...(found.get(key) ?? []), pole]);
    }
  }
  return found;
}

function gazetteerOf(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of COUNTRIES.split(";")) {
    const names = wordsOf(line);
    for (const name of names) found.set(name, names[0] ?? name);
  }
  for (const name of [...wordsOf(CITIES), ...wordsOf(PRODUCTS)]) if (!found.has(name)) found.set(name, name);
  return found;
}

function phrasesOf(): ReadonlyMap<string, readonly (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  for (const entry of [...concepts.keys(), ...poles.keys()]) {
    const parts = entry.split("_").map(stem);
    const first = parts[0] ?? "";
    if (parts.length > 1) found.set(first, [...(found.get(first) ?? []), parts]);
  }
  return found;
}
