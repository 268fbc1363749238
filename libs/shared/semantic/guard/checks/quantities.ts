/** Numbers, units and dates that differ. Pure. */
import { apart, closeness } from "../difference.ts";
import type { Reading, WordKind } from "../reading.ts";

/** From here on what one text alone has is decisive, and what both have otherwise. */
const CLOSE_ALONE = 0.75;
const CLOSE_BOTH = 0.25;

function decides(left: Reading, right: Reading, here: number, there: number): boolean {
  if (here + there === 0) return false;
  return closeness(left, right) >= (here > 0 && there > 0 ? CLOSE_BOTH : CLOSE_ALONE);
}

/** Every number of one is in the other, however it is written; the word "one" may be left out. */
export function numbersDiffer(left: Reading, right: Reading): boolean {
  const [here, there] = apart(keysOf(left, "number"), keysOf(right, "number"));
  return decides(left, right, counted(here, right), counted(there, left));
}

const ONE = /^(?:one|once|single|first)$/;

/** Numbers of one text that the other has in no way. */
function counted(only: readonly string[], other: Reading): number {
  return only.filter((value) => value !== "1" || !other.words.some(({ lower }) => ONE.test(lower))).length;
}

/** Two units where each text has one that the other has not: "5 kg" against "5 lb". One alone may be left out. */
export function unitsDiffer(left: Reading, right: Reading): boolean {
  const [here, there] = apart([...new Set(keysOf(left, "unit"))], [...new Set(keysOf(right, "unit"))]);
  return here.length > 0 && there.length > 0 && closeness(left, right) >= CLOSE_BOTH;
}

/** Days, months, periods, parts of the day and times. "Today" may be left out. */
export function datesDiffer(left: Reading, right: Reading): boolean {
  const [here, there] = apart(datesOf(left), datesOf(right));
  return decides(left, right, here.length, there.length);
}

const SHORT: ReadonlyMap<string, string> = new Map([
  ["this morning", "morning"],
  ["this afternoon", "afternoon"],
  ["this evening", "evening"],
  ["this night", "tonight"],
]);

function datesOf(reading: Reading): readonly string[] {
  const dates = reading.words.filter(({ kind }) => kind === "calendar" || kind === "time");
  return [...new Set(dates.map(({ key }) => SHORT.get(key) ?? key))];
}

function keysOf(reading: Reading, kind: WordKind): readonly string[] {
  return reading.words.filter((word) => word.kind === kind).map(({ key }) => key);
}
