/** Named things that differ, and other things put in their place. Pure. */
import { isContent, onlyIn } from "../difference.ts";
import type { Reading, Word } from "../reading.ts";

/** A name that the other text has in no form. */
export function namesDiffer(left: Reading, right: Reading): boolean {
  const here = unmatched(left, right);
  const there = unmatched(right, left);
  return here.length > 0 && there.length > 0
    ? true
    : [...here, ...there].some(({ exact }) => exact) || here.length + there.length > 0;
}

function unmatched(here: Reading, there: Reading): readonly Word[] {
  const names = onlyIn(here, there, ({ name, kind }) => name && (kind === "content" || kind === "frame"));
  return names.filter((word) => !isSpelledOut(word, there, here) && !isJoined(word, here, there));
}

/** "ML" where the other has "machine learning", and the words of "machine learning" where the other has "ML". */
function isSpelledOut({ lower }: Word, there: Reading, here: Reading): boolean {
  if (lower.length >= 2 && lower.length <= 6 && initials(there).includes(lower)) return true;
  const at = here.words.findIndex((word) => word.lower === lower);
  return there.words.some(
    ({ lower: short }) => short.length >= 2 && short.length <= 6 && covers(initialsFrom(here, at), short),
  );
}

function initials({ words }: Reading): string {
  return words
    .filter(({ kind }) => kind !== "function" && kind !== "sign")
    .map(({ lower }) => lower[0] ?? "")
    .join("");
}

/** Initials of the words around a place, a few to each side. */
function initialsFrom({ words }: Reading, at: number): string {
  return words
    .slice(Math.max(0, at - 5), at + 6)
    .filter(({ kind }) => kind !== "function")
    .map(({ lower }) => lower[0] ?? "")
    .join("");
}

function covers(letters: string, short: string): boolean {
  return letters.includes(short);
}

/** "facebook" and "face book". */
function isJoined({ lower }: Word, here: Reading, there: Reading): boolean {
  const pairs = there.words.slice(1).map((word, at) => `${there.words[at]?.lower}${word.lower}`);
  if (pairs.includes(lower)) return true;
  const at = here.words.findIndex((word) => word.lower === lower);
  const around = [here.words[at - 1]?.lower + lower, lower + (here.words[at + 1]?.lower ?? "")];
  return around.some((joined) => there.known.has(joined));
}

/** Texts that are the same but for a thing in the place of another: "bake a ___ cake". */
export function thingsDiffer(left: Reading, right: Reading): boolean {
  const here = onlyIn(left, right, isThing);
  const there = onlyIn(right, left, isThing);
  if (here.length === 0 || there.length === 0) return false;
  const shared = left.words.filter((word) => isContent(word) && right.known.has(word.key)).length;
  return inOneFrame(left, right) || (here.length === 1 && there.length === 1 && shared >= 2);
}

function isThing(word: Word): boolean {
  return word.kind === "content" && word.lower.length > 1;
}

/** All that differs stands in one place of otherwise the same words, and is two words long at the most. */
function inOneFrame({ words: left }: Reading, { words: right }: Reading): boolean {
  let start = 0;
  while (start < left.length && start < right.length && left[start]?.key === right[start]?.key) start += 1;
  let end = 0;
  const most = Math.min(left.length, right.length) - start;
  while (end < most && left.at(-1 - end)?.key === right.at(-1 - end)?.key) end += 1;
  const changed = Math.max(left.length, right.length) - start - end;
  return changed <= 2 && start + end >= 2;
}
