/** How many, which of them, how often: words of scope that differ. Pure. */
import { closeness } from "../difference.ts";
import type { Reading, WordKind } from "../reading.ts";

type Value = { readonly value: string; readonly strict: boolean };

/** `kind/value` and its words. One of a kind against another of it is a difference; with `!`, one against none is too. */
const TABLE = `
amount/all: all every each everybody everyone entire whole always everything
amount/any: any
amount/some: some several somebody someone sometimes partial partly partially part
amount/few: few
amount/many: many
amount/one: one-of
amount/most!: most mostly
amount/none: none nobody no-one nothing never nowhere
amount/both!: both
only/only!: only solely exclusively
only/only: just
order/first!: first 1st
order/last!: last final
order/second!: second 2nd
limit/at-least!: at-least minimum
limit/at-most!: at-most maximum up-to no-more-than
limit/more!: more-than over above exceeding
limit/less!: less-than fewer-than under below
limit/exactly: exactly
average/average!: average
average/median!: median
once/once!: once
other/other!: every-other
parity/odd!: odd
`;
const SCOPES = new Map<string, readonly [kind: string, scope: Value]>(
  TABLE.trim()
    .split("\n")
    .flatMap((line) => {
      const [head = "", words = ""] = line.split(": ");
      const [kind = "", value = ""] = head.replace("!", "").split("/");
      return words.split(" ").map((word) => [word, [kind, { value, strict: head.endsWith("!") }]] as const);
    }),
);
const PAIRS = new Set("at least,at most,up to,more than,less than,fewer than,every other,no one,one of".split(","));
const CLOSE_ALONE = 0.6;
const CLOSE_BOTH = 0.5;

export function scopeDiffers(left: Reading, right: Reading): boolean {
  const here = scopeOf(left);
  const there = scopeOf(right);
  if (here.size + there.size === 0) return false;
  const close = closeness(left, right, ({ lower }) => SCOPES.has(lower.replace("_", "-")));
  return close >= CLOSE_BOTH && (beyond(here, there, close) || beyond(there, here, close));
}

function beyond(here: ReadonlyMap<string, Value>, there: ReadonlyMap<string, Value>, close: number): boolean {
  for (const [kind, { value, strict }] of here) {
    const other = there.get(kind)?.value;
    if (other === undefined ? strict && close >= CLOSE_ALONE : other !== value && !isAlike(value, other)) return true;
  }
  return false;
}

/** "any" is one or all, as the sentence goes: only against "all" does it differ. */
function isAlike(value: string, other: string): boolean {
  return (value === "any" && other !== "all") || (other === "any" && value !== "all");
}

function scopeOf({ words }: Reading): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (let at = 0; at < words.length; at += 1) {
    const here = words[at];
    const next = words[at + 1];
    if (here === undefined || here.kind === "calendar" || isDay(words, at)) continue;
    const pair = `${here.lower} ${next?.lower}`;
    const isPair = PAIRS.has(pair);
    const word = (isPair ? pair : here.lower).replace(/[ _]/, "-");
    if (!isPair && isLoose(word, words[at - 1]?.lower ?? "", next?.lower, next?.kind)) continue;
    if (isPair) at += 1;
    const scope = SCOPES.get(word);
    if (scope !== undefined && !found.get(scope[0])?.strict) found.set(scope[0], scope[1]);
  }
  return found;
}

/** The "1st" of April. */
function isDay(words: Reading["words"], at: number): boolean {
  return words[at]?.kind === "number" && (words[at - 1]?.kind === "calendar" || words[at + 1]?.kind === "calendar");
}

/** Words that are of scope in some places only. */
function isLoose(word: string, before: string, next: string | undefined, kind: WordKind | undefined): boolean {
  if (/^(?:over|under|above|below)$/.test(word)) return kind !== "number" && kind !== "unit";
  if (word === "many") return /^(?:how|so|too|as)$/.test(before);
  if (word === "all") return before === "at" || before === "after" || next === "about";
  if (word === "first") return before === "at" || next === "time" || next === "name" || before === "my";
  if (word === "last")
    return before === "at" || next === "name" || (kind !== "content" && kind !== "frame" && kind !== "number");
  if (word === "most") return before !== "" && !/^(?:at|do|does|are|did|will|can)$/.test(before) && next !== "of";
  if (word === "once") return next === "you" || next === "i" || before === "at";
  return word === "second" && (before === "per" || before === "a");
}
