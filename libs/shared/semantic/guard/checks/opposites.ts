/** Negation and opposite words. Pure. */
import { closeness } from "../difference.ts";
import type { Reading, Word } from "../reading.ts";
import { stem } from "../stem.ts";

const NEGATIVE = new Set(
  "not no non never without none nobody nothing nowhere neither nor hardly barely lack lacks lacking avoid avoids avoiding except excluding unless ne pas nicht kein keine keinen ohne sin sans senza não niet geen".split(
    " ",
  ),
);
const PREFIXED = new Set(
  `safe legal possible able known available likely necessary usual common healthy happy fair lawful important responsive regular rational dependent
   mutable correct complete visible secure valid agree approve like trust honest transferable deductible refundable alcoholic smoking toxic stick
   connected paid read used limited wanted expected acceptable aware clear certain comfortable equal even finished friendly related reliable stable
   successful tested tracked verified locked opened opened married employed insured supported defined accessible active accurate adequate appropriate
   capable consistent curable definite direct dispensable distinct edible effective efficient eligible finite flexible formal frequent significant
   sufficient tolerant voluntary balance mature measurable moral mortal movable patient perfect permeable personal polite precise probable proper pure
   legible literate logical relevant replaceable resistible responsible reversible existent essential linear member profit stop violent zero harmed
   opened protected required touched changed signed planned sold shipped answered`
    .split(/\s+/)
    .flatMap((word) => [word, stem(word)]),
);

const CLOSE_ALONE = 0.75;
const CLOSE_BOTH = 0.3;

function isAside({ poles, lower }: Word): boolean {
  return poles.length > 0 || NEGATIVE.has(lower) || unprefixed(lower) !== undefined;
}

type Signs = { readonly negations: number; readonly poles: ReadonlyMap<number, number> };

/** A "not" beside a word with an opposite turns that word round and is not counted itself. */
function signsOf({ words }: Reading, other: Reading): Signs {
  let negations = 0;
  let pending = -1;
  const poles = new Map<number, number>();
  for (const [at, word] of words.entries()) {
    if (isNegative(word, words, at)) {
      negations += 1;
      pending = at;
    } else if (isPrefixed(word, other)) {
      negations += pending >= 0 && at - pending <= 2 ? -1 : 1;
      pending = -1;
    }
    for (const { axis, sign } of word.poles) poles.set(axis, (poles.get(axis) ?? 0) | (sign === 1 ? 1 : 2));
  }
  return { negations, poles };
}

export function negationDiffers(left: Reading, right: Reading): boolean {
  const here = signsOf(left, right);
  const there = signsOf(right, left);
  if (here.negations === there.negations || closeness(left, right, isAside) < CLOSE_ALONE) return false;
  return !(Math.abs(here.negations - there.negations) === 1 && opposed(here, there) === 1);
}

export function polarityDiffers(left: Reading, right: Reading): boolean {
  const here = signsOf(left, right);
  const there = signsOf(right, left);
  const count = opposed(here, there);
  if (count === 0 || closeness(left, right, isAside) < CLOSE_BOTH) return false;
  return !(count === 1 && Math.abs(here.negations - there.negations) === 1);
}

/** Axes of which one text has one end alone and the other text the other. */
function opposed(here: Signs, there: Signs): number {
  return [...here.poles].filter(([axis, ends]) => ends !== 3 && there.poles.get(axis) === 3 - ends).length;
}

const UNSURE = new Set("know remember understand sure think mind matter longer".split(" "));

function isNegative({ lower }: Word, words: readonly Word[], at: number): boolean {
  if (!NEGATIVE.has(lower)) return false;
  const next = words[at + 1]?.lower ?? "";
  const before = words[at - 1]?.lower ?? "";
  if (
    lower === "not" &&
    (next === "only" || next === "just" || before === "or" || (before === "why" && words[at - 2]?.lower === "or"))
  )
    return false;
  if (lower === "no" && (next === "more" || next === "less" || next === "matter" || next === "longer"))
    return next === "longer";
  const mine = words[at - 2]?.lower === "i";
  return !(lower === "not" && mine && UNSURE.has(next));
}

/** "unsafe", "illegal", "non-refundable"; or any word that is "un" and a word of the other text. */
function isPrefixed({ lower, stem: own, kind, poles }: Word, other: Reading): boolean {
  if (kind === "function" || poles.length > 0) return false;
  const rest = unprefixed(lower);
  if (rest === undefined) return false;
  return (
    PREFIXED.has(rest) ||
    PREFIXED.has(stem(rest)) ||
    (rest.length > (lower.startsWith("in") ? 4 : 2) && other.known.has(stem(rest)) && !other.known.has(own))
  );
}

function unprefixed(word: string): string | undefined {
  const match = /^(?:non-?|dis|un|in|im|il|ir|a(?=typical|symptomatic))/.exec(word);
  return match === null || word.length - match[0].length < 3 ? undefined : word.slice(match[0].length);
}
