/** Numbers, units and dates that differ. Pure. */
import { apart } from "../difference.ts";
import type { Reading, WordKind } from "../reading.ts";

/** Every number of one is in the other, however it is written; the word "one" may be left out. */
export function numbersDiffer(left: Reading, right: Reading): boolean {
  const [here, there] = apart(keysOf(left, "number"), keysOf(right, "number"));
  const spare = (only: readonly string[], other: Reading) =>
    only.filter(
      (value) =>
        value !== "1" ||
        !other.words.some(
          ({ lower }) => lower === "one" || lower === "once" || lower === "single" || lower === "first",
        ),
    );
  return spare(here, right).length > 0 || spare(there, left).length > 0;
}

/** Two units where each text has one that the other has not: "5 kg" against "5 lb". One alone may be left out. */
export function unitsDiffer(left: Reading, right: Reading): boolean {
  const [here, there] = apart([...new Set(keysOf(left, "unit"))], [...new Set(keysOf(right, "unit"))]);
  return here.length > 0 && there.length > 0;
}

/** Days, months, periods, parts of the day and times. "Today" may be left out. */
export function datesDiffer(left: Reading, right: Reading): boolean {
  const [here, there] = apart(datesOf(left), datesOf(right));
  return here.length > 0 || there.length > 0;
}

function datesOf(reading: Reading): readonly string[] {
  const dates = reading.words
    .filter(({ kind }) => kind === "calendar" || kind === "time")
    .map(({ key }) => SHORT.get(key) ?? key);
  return [...new Set(dates)];
}

const SHORT: ReadonlyMap<string, string> = new Map([
  ["this morning", "morning"],
  ["this afternoon", "afternoon"],
  ["this evening", "evening"],
  ["this night", "tonight"],
]);

function keysOf(reading: Reading, kind: WordKind): readonly string[] {
  return reading.words.filter((word) => word.kind === kind).map(({ key }) => key);
}
