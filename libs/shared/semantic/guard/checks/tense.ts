/** Whether it is asked of what was, what is or what will be. Pure. */
import { closeness } from "../difference.ts";
import type { Reading, Word } from "../reading.ts";

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
