/** Who does what to whom, and from where to where: the same words in turned roles. Pure. */
import { closeness, isContent } from "../difference.ts";
import type { Reading, Word } from "../reading.ts";

/** Words looked at in a text, for the time that it takes. */
const WORDS_MAX = 80;
const CLOSE_ROLES = 0.4;
const CLOSE_TURNED = 0.75;
/** Words that stand between two that are related. */
const REACH = 6;
const RELATIONS = new Set(
  "'s to into onto from for with by than before after of minus against until without toward towards".split(" "),
);
const EVEN = new Set("and or vs versus".split(" "));

export function directionDiffers(left: Reading, right: Reading): boolean {
  const here = left.words.slice(0, WORDS_MAX);
  const there = right.words.slice(0, WORDS_MAX);
  const close = closeness(left, right);
  if (close < CLOSE_ROLES) return false;
  return (
    rolesDiffer(here, there) ||
    (close >= CLOSE_TURNED &&
      (isTurned(here, there) || isTurned(there, here) || voiceDiffers(here, there) || doersDiffer(here, there)))
  );
}

/** One word is where it comes from in one text and where it goes to in the other. */
function rolesDiffer(left: readonly Word[], right: readonly Word[]): boolean {
  const here = endsOf(left);
  const there = endsOf(right);
  for (const [word, end] of here) {
    const other = there.get(word);
    if (other !== undefined && other !== end) return true;
  }
  return false;
}

const OUT = new Set(["from"]);
const IN = new Set(["to", "into", "onto", "towards", "toward", "until", "till"]);

/** "by Friday" and "after Friday". */
const BOUNDS = new Map<string, "from" | "to">([
  ["by", "to"],
  ["before", "to"],
  ["after", "from"],
  ["since", "from"],
  ["starting", "from"],
]);

/** "far from A to B" says nothing of a direction. */
function endsOf(words: readonly Word[]): ReadonlyMap<string, "from" | "to"> {
  const ends = new Map<string, "from" | "to">();
  if (words.some(({ lower, key }) => lower === "far" || key === "distance" || lower === "distance")) return ends;
  for (const [at, { lower }] of words.entries()) {
    const isBound =
      words[at + 1]?.kind === "number" || words[at + 1]?.kind === "calendar" || words[at + 1]?.kind === "time";
    const end = OUT.has(lower) ? "from" : IN.has(lower) ? "to" : isBound ? BOUNDS.get(lower) : undefined;
    if (end === undefined) continue;
    const next = words.slice(at + 1, at + 4).find((word) => isEntity(word));
    if (next !== undefined && !ends.has(next.key)) ends.set(next.key, end);
  }
  return ends;
}

function isEntity(word: Word): boolean {
  return isContent(word) || word.kind === "frame" || isLetter(word);
}

/** "A" and "B" as names of things. */
function isLetter({ lower, kind }: Word): boolean {
  return kind === "content" && lower.length === 1;
}

/** Two words around a third, in one text the one way and in the other the other: "A owes B". A passive turns it back. */
function isTurned(left: readonly Word[], right: readonly Word[]): boolean {
  const passive = isPassive(left) !== isPassive(right);
  if (passive) return false;
  const places = placesOf(right);
  for (const [at, pivot] of left.entries()) {
    const there = places.get(pivot.key);
    if (there === undefined || !isPivot(left, at) || !isPivot(right, there)) continue;
    const isRelation = RELATIONS.has(pivot.lower);
    const moves = (place: number, above: number, upTo: number) => {
      const word = left[place] as Word;
      const other = places.get(word.key);
      if (!isBetween(other, above, upTo) || !isPartner(word) || (!isRelation && isQuantity(word))) return false;
      return !keepsCase(left, place, right, other);
    };
    const goesBehind = range(at - REACH, at - 1, left.length).some((place) => moves(place, there, there + REACH));
    if (!goesBehind) continue;
    const comesBefore = range(at + 1, at + REACH, left.length).some((place) =>
      moves(place, there - REACH - 1, there - 1),
    );
    if (comesBefore) return true;
  }
  return false;
}

const CASES =
  /^(?:in|on|at|for|from|to|into|with|by|of|than|after|before|during|without|about|under|over|through|via|using|when|if|while)$/;

/** "in Perl" stays what it is wherever it stands. */
function keepsCase(left: readonly Word[], at: number, right: readonly Word[], there: number | undefined): boolean {
  const here = caseOf(left, at);
  return here !== undefined && there !== undefined && here === caseOf(right, there);
}

/** The preposition before a word, articles and two words of its own passed over. */
function caseOf(words: readonly Word[], at: number): string | undefined {
  for (let place = at - 1; place >= Math.max(0, at - 3); place -= 1) {
    const { lower = "", kind } = words[place] ?? {};
    if (CASES.test(lower)) return lower;
    if (kind === "function" && !/^(?:a|an|the|my|your|our|his|her|their|this|that|it|is|i)$/.test(lower))
      return undefined;
  }
  return undefined;
}

function range(from: number, to: number, length: number): readonly number[] {
  const places: number[] = [];
  for (let place = Math.max(0, from); place <= Math.min(to, length - 1); place += 1) places.push(place);
  return places;
}

function isBetween(place: number | undefined, above: number, upTo: number): boolean {
  return place !== undefined && place > above && place <= upTo;
}

/** Where each word is; one that is there twice is left out. */
function placesOf(words: readonly Word[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const twice = new Set<string>();
  for (const [at, { key }] of words.entries()) {
    if (places.has(key)) twice.add(key);
    places.set(key, at);
  }
  for (const key of twice) places.delete(key);
  return places;
}

function isPivot(words: readonly Word[], at: number): boolean {
  const word = words[at] as Word;
  if (EVEN.has(words[at - 1]?.lower ?? "") || EVEN.has(words[at + 1]?.lower ?? "")) return false;
  return RELATIONS.has(word.lower) || word.kind === "sign" || word.kind === "content" || word.kind === "frame";
}

/** "monthly price of it" is "its price per month". */
function isQuantity({ kind }: Word): boolean {
  return kind === "number" || kind === "unit" || kind === "calendar" || kind === "time";
}

function isPartner(word: Word): boolean {
  return isEntity(word) || /^(?:i|me|my|you|your|who|whom)$/.test(word.lower);
}

const PARTICIPLE = /..(?:ed|en|wn|ght)$/;
const BE = /^(?:is|are|was|were|be|been|being|get|got)$/;

/** "is locked", "was taught by". */
function isPassive(words: readonly Word[]): boolean {
  return words.some(
    ({ lower }, at) =>
      BE.test(lower) &&
      (words
        .slice(at + 1, at + 5)
        .some((word) => /..(?:ed|en|wn|ght|ld)$/.test(word.lower) && word.stem !== word.lower) ||
        words
          .slice(at + 1, at + 9)
          .some((word, next) => word.lower === "by" && PARTICIPLE.test(words[at + next]?.lower ?? ""))),
  );
}

const PEOPLE = /^(?:who|whom|i|me|you|he|him|she|her|we|us|they|them|it)$/;

/** "Who taught her" and "who was taught by her" have the same words in the same order and turned roles. */
function voiceDiffers(left: readonly Word[], right: readonly Word[]): boolean {
  if (isPassive(left) === isPassive(right) || ![...left, ...right].some(({ lower }) => lower === "by")) return false;
  const here = left.filter(isAsked).map(({ key }) => key);
  const there = right.filter(isAsked).map(({ key }) => key);
  return here.length > 2 && here.length === there.length && here.every((key, at) => key === there[at]);
}

function doersDiffer(left: readonly Word[], right: readonly Word[]): boolean {
  return doesNotDo(left, right) || doesNotDo(right, left);
}

/** "was reviewed by her" beside "did he review hers": who does it in the one comes after the verb in the other. */
function doesNotDo(passive: readonly Word[], active: readonly Word[]): boolean {
  const at = passive.findIndex(({ lower }) => lower === "by");
  const verb = passive[at - 1];
  const doer = passive.slice(at + 1, at + 4).find(isPartner);
  if (verb === undefined || doer === undefined || !PARTICIPLE.test(verb.lower)) return false;
  if (active.some(({ lower }) => lower === "by")) return false;
  const places = placesOf(active);
  const done = places.get(verb.key);
  const other = places.get(doer.key);
  return done !== undefined && other !== undefined && other > done && active.slice(0, done).some(isPartner);
}

function isAsked(word: Word): boolean {
  return isContent(word) || PEOPLE.test(word.lower);
}
