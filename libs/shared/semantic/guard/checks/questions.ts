/** What kind of question it is: its question word, its modal verb, its tense. Pure. */
import { isContent, onlyIn, sameContent } from "../difference.ts";
import type { Reading, Word } from "../reading.ts";

type Asked =
  | "how"
  | "why"
  | "when"
  | "where"
  | "who"
  | "what"
  | "how many"
  | "how much"
  | "how long"
  | "how often"
  | "how old"
  | "how far";

const AFTER_HOW: ReadonlyMap<string, Asked> = new Map([
  ["many", "how many"],
  ["much", "how much"],
  ["long", "how long"],
  ["often", "how often"],
  ["frequently", "how often"],
  ["old", "how old"],
  ["far", "how far"],
]);
/** "what is the reason" is why, "at what time" is when. */
const NOUNS: ReadonlyMap<string, Asked> = new Map(
  Object.entries({
    reason: "why",
    time: "when",
    date: "when",
    year: "when",
    day: "when",
    place: "where",
    location: "where",
    birthplace: "where",
    person: "who",
    people: "who",
    author: "who",
    inventor: "who",
    name: "who",
    number: "how many",
    price: "how much",
    cost: "how much",
    fee: "how much",
    amount: "how much",
    duration: "how long",
    length: "how long",
    age: "how old",
    distance: "how far",
    way: "how",
    method: "how",
    procedure: "how",
    step: "how",
    steps: "how",
    frequency: "how often",
    process: "how",
    makes: "why",
    made: "why",
    keeps: "why",
    causes: "why",
    caused: "why",
  } as const),
);
const REACH = 4;

function askedOf({ words }: Reading): Asked | undefined {
  for (const [at, { lower }] of words.entries()) {
    if (lower === "how") return AFTER_HOW.get(words[at + 1]?.lower ?? "") ?? "how";
    if (lower === "why" || lower === "when" || lower === "where") return lower;
    if (lower === "who" || lower === "whom" || lower === "whose") return "who";
    if (lower === "what" || lower === "which") return nounAfter(words, at) ?? "what";
  }
  return undefined;
}

function nounAfter(words: readonly Word[], at: number): Asked | undefined {
  for (const { lower } of words.slice(at + 1, at + 1 + REACH)) {
    const asked = NOUNS.get(lower);
    if (asked !== undefined) return asked;
  }
  return undefined;
}

/** A "why" and a "how" never meet; a "what" meets any, unless it alone is what differs. */
export function questionDiffers(left: Reading, right: Reading): boolean {
  const here = askedOf(left);
  const there = askedOf(right);
  if (here === undefined || there === undefined || here === there) return false;
  if (here !== "what" && there !== "what") return !meets(here, there);
  const other = here === "what" ? there : here;
  return other !== "how" && other !== "how much" && sameFrame(left, right);
}

function meets(here: Asked, there: Asked): boolean {
  const both = new Set([here, there]);
  if (both.has("how"))
    return both.has("how much") || both.has("how far") || both.has("how many") || both.has("how often");
  return both.has("how long") && both.has("how many");
}

function sameFrame(left: Reading, right: Reading): boolean {
  const isSaid = (word: Word) => isContent(word) || word.kind === "frame";
  return onlyIn(left, right, isSaid).length === 0 && onlyIn(right, left, isSaid).length === 0;
}

type Mood = "may" | "must";
const MOODS: ReadonlyMap<string, Mood> = new Map(
  Object.entries({
    can: "may",
    could: "may",
    may: "may",
    might: "may",
    allowed: "may",
    possible: "may",
    able: "may",
    must: "must",
    should: "must",
    obliged: "must",
    required: "must",
    mandatory: "must",
    ought: "must",
  } as const),
);

/** "Can I" against "must I", where the question is not how or what. */
export function modalityDiffers(left: Reading, right: Reading): boolean {
  const here = moodsOf(left);
  const there = moodsOf(right);
  if (here.size !== 1 || there.size !== 1) return false;
  return [...here][0] !== [...there][0];
}

function moodsOf({ words }: Reading): ReadonlySet<Mood> {
  const moods = new Set<Mood>();
  for (const [at, { lower }] of words.entries()) {
    const before = words[at - 1]?.lower;
    const isHow = before !== undefined && /^(?:how|what|where|which|who|when)$/.test(before);
    const mood = lower === "have" && words[at + 1]?.lower === "to" ? "must" : MOODS.get(lower);
    const isPolite =
      lower !== "must" &&
      words[at + 1]?.lower === "you" &&
      /^(?:tell|help|show|list|give|explain|cancel|repeat|please|recommend|suggest|compare)$/.test(
        words[at + 2]?.lower ?? "",
      );
    if (mood !== undefined && !isHow && !isPolite) moods.add(mood);
  }
  return moods;
}

type Tense = "past" | "present" | "future";
const TENSES: ReadonlyMap<string, Tense> = new Map(
  Object.entries({
    is: "present",
    are: "present",
    am: "present",
    do: "present",
    does: "present",
    was: "past",
    were: "past",
    did: "past",
    happened: "past",
    won: "past",
    wrote: "past",
    taught: "past",
    will: "future",
    shall: "future",
    gone: "past",
    happens: "present",
    caused: "past",
    rose: "past",
    fell: "past",
    led: "past",
    began: "past",
    took: "past",
    made: "past",
    sold: "past",
    bought: "past",
    came: "past",
    said: "past",
    went: "past",
    invented: "past",
    leads: "present",
    wins: "present",
    causes: "present",
  } as const),
);

/** The tense of the first verb that tells it. */
function tenseOf({ words }: Reading): Tense | undefined {
  for (const [at, word] of words.entries()) {
    const next = words[at + 1]?.lower;
    if (word.lower === "used" && next === "to" && !/^(?:is|are|be|get|getting)$/.test(words[at - 1]?.lower ?? ""))
      return "past";
    if (
      /^(?:is|are|am)$/.test(word.lower) &&
      words.slice(at + 1, at + 8).some(({ lower }, index, rest) => lower === "going" && rest[index + 1]?.lower === "to")
    )
      return "future";
    if (isPastAfterWho(words, at)) return "past";
    const tense = TENSES.get(word.lower);
    if (tense !== undefined) return next === "used" && tense === "past" ? "past" : tense;
  }
  return undefined;
}

function isPastAfterWho(words: readonly Word[], at: number): boolean {
  const before = words[at - 1]?.lower ?? "";
  return /^(?:who|which|what)$/.test(before) && /..ed$/.test(words[at]?.lower ?? "");
}

const PERFECT = /^(?:has|have|been|had)$/;

/** Past against present or future; present against future where nothing else differs. */
export function tenseDiffers(left: Reading, right: Reading): boolean {
  const here = tenseOf(left);
  const there = tenseOf(right);
  if (here === undefined || there === undefined || here === there)
    return oldOnly(left) !== oldOnly(right) && here === there && sameContent(left, right);
  const isPerfect = [left, right].some(({ words }) => words.some(({ lower }) => PERFECT.test(lower)));
  if (isPerfect && here !== "future" && there !== "future") return false;
  return here === "past" || there === "past" ? isNear(left, right) : sameContent(left, right);
}

function oldOnly({ words }: Reading): boolean {
  return words.some(({ lower }, at) => lower === "used" && words[at + 1]?.lower === "to");
}

/** One has at most a word that the other has not. */
function isNear(left: Reading, right: Reading): boolean {
  return onlyIn(left, right, isContent).length + onlyIn(right, left, isContent).length <= 2;
}
