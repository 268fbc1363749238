/** What kind of question it is: its question word, its modal verb, its tense. Pure. */
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

type Tense = "past" | "perfect" | "present" | "future" | "conditional";
type Told = { readonly tense: Tense /** By the verb itself: "who won". */; readonly lexical: boolean };

const AUXILIARIES: ReadonlyMap<string, Tense> = new Map(
  Object.entries({
    is: "present",
    are: "present",
    am: "present",
    do: "present",
    does: "present",
    was: "past",
    were: "past",
    did: "past",
    will: "future",
    shall: "future",
    would: "conditional",
  } as const),
);
const PAST = new Set(
  "happened won wrote taught caused rose fell led began took made sold bought came said went invented ran gave got grew left lost paid spent".split(
    " ",
  ),
);
const PRESENT = new Set(
  "happens wins writes teaches causes rises falls leads begins takes makes sells comes says goes runs gives pays".split(
    " ",
  ),
);
const MODALS = /^(?:can|could|may|might|should|must)$/;
/** What happened once: it is told in the past or as a fact of now. */
const ONCE =
  /^(?:born|birthplace|died|wrote|written|author|invented|inventor|founded|founder|discovered|built|composer|painted)$/;

/** The tense of the first verb that tells it. */
function tenseOf({ words }: Reading): Told | undefined {
  for (const [at, word] of words.entries()) {
    const { lower } = word;
    const next = words[at + 1]?.lower ?? "";
    const before = words[at - 1]?.lower ?? "";
    if (lower === "used" && next === "to" && !/^(?:is|are|be|get|getting)$/.test(before))
      return { tense: "past", lexical: false };
    if (/^(?:is|are|am)$/.test(lower) && isGoing(words, at)) return { tense: "future", lexical: false };
    if (/^(?:is|are)$/.test(lower) && before === "what" && isToldLater(words, at)) continue;
    if (MODALS.test(lower)) return next === "have" ? { tense: "past", lexical: false } : undefined;
    if (/^(?:has|have|had)$/.test(lower) && isPerfect(words, at)) return { tense: "perfect", lexical: false };
    if (PAST.has(lower) || (/^(?:who|which|what)$/.test(before) && /..ed$/.test(lower)))
      return { tense: "past", lexical: true };
    if (PRESENT.has(lower) || isWhoDoes(before, word)) return { tense: "present", lexical: true };
    const tense =
      lower === "will" && /^(?:a|the|my|his|her|your|free)$/.test(before) ? undefined : AUXILIARIES.get(lower);
    if (tense === "conditional")
      return words.slice(at, at + 4).some((word) => word.lower === "have")
        ? { tense: "past", lexical: false }
        : { tense, lexical: false };
    if (tense !== undefined) return { tense, lexical: false };
  }
  return undefined;
}

/** "Who owns it". */
function isWhoDoes(before: string, { lower, stem, kind }: Word): boolean {
  return before === "who" && kind === "content" && lower.endsWith("s") && stem !== lower;
}

function isGoing(words: readonly Word[], at: number): boolean {
  return words
    .slice(at + 1, at + 8)
    .some(({ lower }, index, rest) => lower === "going" && rest[index + 1]?.lower === "to");
}

/** "What is the date it was sent?" */
function isToldLater(words: readonly Word[], at: number): boolean {
  const later = words.slice(at + 3);
  return (
    later.some(({ lower }) => /^(?:was|were|did|will)$/.test(lower) || PAST.has(lower)) ||
    /..ed$/.test(later.at(-1)?.lower ?? "")
  );
}

function isPerfect(words: readonly Word[], at: number): boolean {
  if (at === 0 && words[1]?.lower !== "to") return true;
  return words
    .slice(at + 1, at + 6)
    .some(
      ({ lower, stem }) =>
        /^(?:been|gone|done|seen|had)$/.test(lower) || (/..(?:ed|en)$/.test(lower) && stem !== lower),
    );
}

function isNegative({ known }: Reading): boolean {
  return known.has("not");
}

/** "Will it work" is "does it work". */
function isYesNo({ words }: Reading): boolean {
  return /^(?:do|does|will)$/.test(words[0]?.lower ?? "");
}

/** "Who wrote it" is "who is its author". */
function isTold(past: Told, present: Told): boolean {
  return past.tense === "past" && past.lexical && !present.lexical;
}

function isOnce(left: Reading, right: Reading): boolean {
  return [left, right].some(({ words }) => words.some(({ lower }) => ONCE.test(lower)));
}

const CLOSE_TENSE = 0.75;

/** Past against present or future; present against future where nothing else differs. */
export function tenseDiffers(left: Reading, right: Reading): boolean {
  const here = tenseOf(left);
  const there = tenseOf(right);
  if (here === undefined || there === undefined || here.tense === there.tense) return false;
  const both = [here.tense, there.tense].sort().join(", ");
  if (both === "past, perfect" || both === "perfect, present") return false;
  if (both === "past, present" && (isOnce(left, right) || isTold(here, there) || isTold(there, here))) return false;
  if (both === "future, present" && ((isNegative(left) && isNegative(right)) || (isYesNo(left) && isYesNo(right))))
    return false;
  return both.includes("past") || both.includes("perfect")
    ? closeness(left, right) >= CLOSE_TENSE
    : closeness(left, right) === 1;
}
