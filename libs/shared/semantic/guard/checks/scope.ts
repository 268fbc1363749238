/** How many, which of them, how often: words of scope that differ. Pure. */
import type { Reading } from "../reading.ts";

type Scope = {
  /** Of each kind of scope the ones that the text has. */
  readonly found: ReadonlyMap<string, string>;
};

/** `kind/value` and its words. One of a kind against another of it is a difference; with `!`, one against none is too. */
const SCOPES = new Map<string, readonly [kind: string, value: string, strict: boolean]>();
for (const line of `
amount/all: all every each everybody everyone entire whole always everything
amount/some: some several somebody someone sometimes partial partly partially part
amount/few: few
amount/many: many
amount/most!: most mostly
amount/none: none nobody no-one nothing never nowhere
amount/both!: both
only/only!: only solely exclusively
order/first!: first
order/last!: last final
order/next: next
order/second!: second
limit/at-least!: at-least minimum
limit/at-most!: at-most maximum up-to no-more-than
limit/more!: more-than over above exceeding
limit/less!: less-than fewer-than under below
limit/exactly: exactly
average/average!: average mean
average/median!: median
total/total: total
share/public!: public
share/private!: private
often/once!: once
often/daily!: daily
other/other!: every-other
parity/odd!: odd
parity/even: even-rows
`.split("\n")) {
  const [head = "", words = ""] = line.split(": ");
  const [kind = "", value = ""] = head.replace("!", "").split("/");
  for (const word of words.split(" ")) if (word !== "") SCOPES.set(word, [kind, value, head.endsWith("!")]);
}

const PAIRS = new Set("at least,at most,up to,more than,less than,fewer than,every other,no one".split(","));

export function scopeDiffers(left: Reading, right: Reading): boolean {
  const here = scopeOf(left);
  const there = scopeOf(right);
  return beyond(here, there) || beyond(there, here);
}

function beyond(here: Scope, there: Scope): boolean {
  for (const [kind, value] of here.found) {
    const other = there.found.get(kind);
    if (other === value) continue;
    if (other !== undefined || value.endsWith("!")) return true;
  }
  return false;
}

function scopeOf({ words }: Reading): Scope {
  const found = new Map<string, string>();
  for (let at = 0; at < words.length; at += 1) {
    const here = words[at];
    const next = words[at + 1];
    if (here === undefined || here.kind === "calendar") continue;
    const pair = `${here.lower} ${next?.lower}`;
    const isPair = PAIRS.has(pair);
    const word = isPair ? pair.replace(" ", "-") : here.lower;
    if (!isPair && isLoose(word, words[at - 1]?.lower, next?.lower, next?.kind)) continue;
    const scope = SCOPES.get(word);
    if (isPair) at += 1;
    if (scope === undefined) continue;
    const [kind, value, strict] = scope;
    found.set(kind, strict ? `${value}!` : value);
  }
  return { found };
}

/** Words that are of scope in some places only. */
function isLoose(
  word: string,
  before: string | undefined,
  next: string | undefined,
  kind: string | undefined,
): boolean {
  if (word === "over" || word === "under" || word === "above" || word === "below")
    return kind !== "number" && kind !== "unit";
  if (word === "all") return before === "at" || before === "after" || next === "about";
  if (word === "first") return before === "at" || next === "time" || next === "name";
  if (word === "last") return before === "at" || (before !== "the" && before !== "my" && next !== "name");
  if (word === "most")
    return (
      before !== undefined &&
      before !== "at" &&
      before !== "do" &&
      before !== "does" &&
      before !== "are" &&
      next !== "of"
    );
  if (word === "many" || word === "mean") return before === "how" || before === "so" || word === "mean";
  if (word === "once") return next === "you" || next === "i" || before === "at";
  return word === "second" && kind === "function";
}
