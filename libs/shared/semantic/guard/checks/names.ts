/** Named things that differ, and other things put in their place. Pure. */
import { closeness, isContent, onlyIn } from "../difference.ts";
import type { Reading, Word } from "../reading.ts";
import { gazetteer } from "../vocabulary.ts";

const CLOSE_ALONE = 0.8;
const CLOSE_BOTH = 0.4;
const SAME_PREFIX = 5;

/** A name that the other text has in no form. */
export function namesDiffer(left: Reading, right: Reading): boolean {
  const here = unmatched(left, right);
  const there = unmatched(right, left);
  if (here.length + there.length === 0) return false;
  if (here.some(isCertain) && there.some(isCertain)) return true;
  const aside = new Set([...here, ...there]);
  const close = closeness(left, right, (word) => aside.has(word));
  return close >= (here.length > 0 && there.length > 0 ? CLOSE_BOTH : CLOSE_ALONE);
}

function isCertain({ lower, key, exact }: Word): boolean {
  return exact || gazetteer.has(lower) || gazetteer.has(key);
}

function unmatched(here: Reading, there: Reading): readonly Word[] {
  const names = onlyIn(here, there, ({ name, kind }) => name && kind === "content");
  return names.filter(
    (word) => !isSpelledOut(word, there, here) && !isJoined(word, here, there) && !isPart(word, here, there),
  );
}

/** "Donald" beside a "Trump" that both have. */
function isPart(word: Word, { words }: Reading, there: Reading): boolean {
  const at = words.indexOf(word);
  return [words[at - 1], words[at + 1]].some(
    (near) => near?.name === true && !word.exact && there.known.has(near.lower),
  );
}

/** "ML" where the other has "machine learning", and the words of "machine learning" where the other has "ML". */
function isSpelledOut({ lower }: Word, there: Reading, here: Reading): boolean {
  if (lower.length >= 2 && lower.length <= 6 && initials(there.words).includes(lower)) return true;
  const at = here.words.findIndex((word) => word.lower === lower);
  const around = initialsAround(here, at);
  return there.words.some(
    ({ lower: short, name }) => name && short.length >= 2 && short.length <= 6 && around.includes(short),
  );
}

function initials(words: readonly Word[]): string {
  return words.map(({ kind, lower }) => (kind === "function" || kind === "sign" ? "" : lower[0])).join("");
}

function initialsAround({ words }: Reading, at: number): string {
  return initials(words.slice(Math.max(0, at - 5), at + 6));
}

/** "facebook" and "face book". */
function isJoined({ lower }: Word, here: Reading, there: Reading): boolean {
  if (there.words.some((word, at) => at > 0 && there.words[at - 1]?.lower + word.lower === lower)) return true;
  const at = here.words.findIndex((word) => word.lower === lower);
  const around = [here.words[at - 1]?.lower + lower, lower + (here.words[at + 1]?.lower ?? "")];
  return around.some((joined) => there.known.has(joined));
}

/** Texts that are the same but for a thing in the place of another: "bake a ___ cake". */
export function thingsDiffer(left: Reading, right: Reading): boolean {
  const here = onlyIn(left, right, isThing);
  const there = onlyIn(right, left, isThing);
  if (here.length === 0 || there.length === 0 || here.length + there.length > 4) return false;
  if (here.every((word) => there.some((other) => isKin(word, other)))) return false;
  const shared = left.words.filter((word) => isContent(word) && right.known.has(word.key)).length;
  return (
    inOneFrame(left, right) ||
    (here.length === 1 && there.length === 1 && shared >= 4 && bothAreNouns(here, there, left, right))
  );
}

/** A word after a preposition or an article names what it is about; another word there is another thing. */
function bothAreNouns(here: readonly Word[], there: readonly Word[], left: Reading, right: Reading): boolean {
  return isNoun(here[0], left) && isNoun(there[0], right);
}

const LEADS = /^(?:a|an|the|my|your|our|his|her|of|in|on|at|for|from|with|to|about|some|any|i|into)$/;

function isNoun(word: Word | undefined, { words }: Reading): boolean {
  const before = word === undefined ? undefined : words[words.indexOf(word) - 1];
  return before === undefined || before.kind === "content" || LEADS.test(before.lower);
}

/** "programmer" and "programming". */
function isKin({ lower: left }: Word, { lower: right }: Word): boolean {
  let same = 0;
  while (same < left.length && left[same] === right[same]) same += 1;
  return same >= SAME_PREFIX && Math.max(left.length, right.length) - same <= 4;
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
