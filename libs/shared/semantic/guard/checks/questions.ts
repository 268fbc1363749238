/** What kind of question it is: its question word and its modal verb. Pure. */
import { closeness, isContent, onlyIn } from "../difference.ts";
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
  | "how far"
  | "how fast"
  | "time";

const AFTER_HOW: ReadonlyMap<string, Asked> = new Map<string, Asked>([
  ["many", "how many"],
  ["much", "how much"],
  ["long", "how long"],
  ["often", "how often"],
  ["frequently", "how often"],
  ["old", "how old"],
  ["far", "how far"],
  ["fast", "how fast"],
  ["quickly", "how fast"],
  ["soon", "how fast"],
]);
/** "what is the reason" is why, "at what time" is when. */
const NOUNS: ReadonlyMap<string, Asked> = new Map<string, Asked>(
  Object.entries({
    reason: "why",
    cause: "why",
    time: "time",
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
  } as const),
);
const REACH = 4;
const VERB = /^(?:is|are|was|were|do|does|did|will|would|can|could|should|must|may|has|have|had|to|shall|am)$/;

/** A "when" or "where" that begins a clause, as in "when it rains", asks nothing. */
function askedOf({ words }: Reading): Asked | undefined {
  let clause: Asked | undefined;
  for (const [at, { lower }] of words.entries()) {
    const next = words[at + 1]?.lower ?? "";
    if (lower === "how") return AFTER_HOW.get(next) ?? "how";
    if (lower === "why") return lower;
    if (lower === "when" || lower === "where") {
      if (VERB.test(next)) return lower;
      clause ??= lower;
    }
    if (lower === "who" || lower === "whom" || lower === "whose") return "who";
    if (lower === "what" || lower === "which") return nounAfter(words, at) ?? "what";
  }
  return clause;
}

function nounAfter(words: readonly Word[], at: number): Asked | undefined {
  if (/^(?:makes|made|causes|caused)$/.test(words[at + 1]?.lower ?? "")) return "why";
  for (const { lower } of words.slice(at + 1, at + 1 + REACH)) {
    const asked = NOUNS.get(lower);
    if (asked !== undefined) return asked;
  }
  return undefined;
}

const CLOSE = 0.7;
const CLOSE_AMOUNT = 0.4;
const FACTS = /^(?:who|when|where|why)$/;

/** Where only the question word differs it decides; else only "why", "when", "where" and "who" against another of them, or "why" against "how". */
export function questionDiffers(left: Reading, right: Reading): boolean {
  const here = askedOf(left);
  const there = askedOf(right);
  if (here === undefined || there === undefined || here === there || meets(here, there)) return false;
  if (sameFrame(left, right))
    return !(isWhat(left, here) && MANNER.has(there)) && !(isWhat(right, there) && MANNER.has(here));
  const isFact = FACTS.test(here) && FACTS.test(there);
  const isHow =
    (here === "how" || there === "how") && (here === "why" || there === "why" || here === "when" || there === "when");
  const isAmount = here.startsWith("how ") && there.startsWith("how ");
  return (
    (isFact || isHow || isAmount || isFactAndAmount(here, there)) &&
    closeness(left, right) >= (isAmount ? CLOSE_AMOUNT : CLOSE)
  );
}

const MANNER = new Set<Asked>(["how", "how much", "how many"]);

/** "What is" may ask for a manner or an amount; "which" does not. */
function isWhat({ words }: Reading, asked: Asked): boolean {
  return asked === "what" && words.some(({ lower }, at) => lower === "what" && VERB.test(words[at + 1]?.lower ?? ""));
}

function isFactAndAmount(here: Asked, there: Asked): boolean {
  return (FACTS.test(here) && there.startsWith("how ")) || (FACTS.test(there) && here.startsWith("how "));
}

/** Two that may ask for the same. */
function meets(here: Asked, there: Asked): boolean {
  const [first = "", second = ""] = [here, there].sort();
  return MEETING.has(`${first}, ${second}`);
}

const MEETING = new Set([
  "how long, time",
  "time, when",
  "how fast, time",
  "how fast, how long",
  "how fast, when",
  "how long, how many",
  "how many, how much",
  "how old, when",
]);

function sameFrame(left: Reading, right: Reading): boolean {
  const isSaid = (word: Word) => isContent(word) || (word.kind === "frame" && !NOUNS.has(word.lower));
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
  if (here.size !== 1 || there.size !== 1 || closeness(left, right) < CLOSE) return false;
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
