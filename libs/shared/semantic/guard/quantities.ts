/** Numbers, units and times in tokens. Pure. */
import { CALENDAR, DOUBTFUL, PERIODS } from "./tables/calendar.ts";
import { MULTIPLES, NUMERALS, UNITS } from "./tables/numerals.ts";
import type { Token } from "./tokens.ts";

/** `number`: `value` is its canonical text. `time`: `15:00`. `calendar`: a day, month, part of the day, period. */
export type Quantity = {
  readonly kind: "number" | "unit" | "time" | "calendar";
  readonly value: string;
  /** Tokens that it takes. */
  readonly length: number;
};

const units = new Map<string, string>();
const unitsBesideNumbers = new Map<string, string>();
for (const line of UNITS.split("\n").filter((one) => one !== "")) {
  const [always = "", beside = ""] = line.split(" / ");
  const name = always.split(" ")[0] ?? "";
  for (const word of always.split(" ")) units.set(word, name);
  for (const word of [...always.split(" "), ...beside.split(" ")]) if (word !== "") unitsBesideNumbers.set(word, name);
}

/** The quantity that begins at a token, if one does. */
export function quantityAt(tokens: readonly Token[], at: number): Quantity | undefined {
  const { lower = "" } = tokens[at] ?? {};
  if (/^[a-z]+$/.test(lower) && !QUANTITY_WORDS.has(lower)) return undefined;
  return timeAt(tokens, at) ?? numberAt(tokens, at) ?? unitAt(tokens, at) ?? calendarAt(tokens, at);
}

function timeAt(tokens: readonly Token[], at: number): Quantity | undefined {
  const here = tokens[at]?.lower ?? "";
  const clock = /^(\d{1,2})[:.]?(\d{2})?(am|pm)?$/.exec(here);
  const next = tokens[at + 1]?.lower ?? "";
  const half = clock?.[3] ?? (next === "am" || next === "pm" ? next : undefined);
  const length = clock?.[3] === undefined && half !== undefined ? 2 : 1;
  const hours = clock?.[1] === undefined ? NUMERALS.get(here) : Number(clock[1]);
  if (hours === undefined || !Number.isInteger(hours) || (half === undefined && !here.includes(":"))) return undefined;
  const day = half === undefined ? hours : (hours % 12) + (half === "pm" ? 12 : 0);
  return { kind: "time", value: `${day}:${clock?.[2] ?? "00"}`, length };
}

function numberAt(tokens: readonly Token[], at: number): Quantity | undefined {
  const first = numeral(tokens, at);
  if (first === undefined) return undefined;
  let value = first.value;
  let next = at + 1;
  if (first.exact !== undefined) return { kind: "number", value: first.exact, length: 1 };
  for (; next < tokens.length && next < at + 6; next += 1) {
    const word = tokens[next]?.lower ?? "";
    const times = word === "dozen" ? 12 : MULTIPLES.get(word);
    const more = NUMERALS.get(word);
    if (times !== undefined) value *= times;
    else if (more !== undefined && Number.isInteger(more) && fits(value, more) && word !== "second") value += more;
    else if (word !== "and" || !follows(value, tokens[next + 1]?.lower)) break;
  }
  const percent = /^(?:%|percent|pct)$/.test(tokens[next]?.lower ?? "");
  if (percent) value /= 100;
  return { kind: "number", value: String(Number(value.toPrecision(12))), length: next - at + (percent ? 1 : 0) };
}

/** "twenty" takes "five", "hundred" takes what is less than it. */
function fits(value: number, more: number): boolean {
  if (value >= 100 && value % 100 === 0) return more < 100;
  return value >= 20 && value < 100 && value % 10 === 0 && more < 10;
}

function follows(value: number, word: string | undefined): boolean {
  const more = NUMERALS.get(word ?? "");
  return value >= 100 && more !== undefined && Number.isInteger(more) && fits(value, more);
}

const HUNDREDS = /^\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;
const NUMBER = /^(\d+(?:[.,]\d+)?)(st|nd|rd|th|s|k|m|bn|°)?$/;

type Numeral = { readonly value: number; readonly exact?: string };

function numeral(tokens: readonly Token[], at: number): Numeral | undefined {
  const { lower = "", joined = false } = tokens[at] ?? {};
  if (/^\d/.test(lower)) return digits(lower, minusBefore(tokens, at, joined));
  const value =
    NUMERALS.get(lower) ?? (lower === "hundred" || lower === "thousand" || lower === "million" ? 1 : undefined);
  if (value === undefined || !counts(lower, tokens, at)) return undefined;
  return { value: value === 1 ? (MULTIPLES.get(lower) ?? 1) : value };
}

function digits(lower: string, sign: 1 | -1): Numeral | undefined {
  if (HUNDREDS.test(lower)) return { value: sign * Number(lower.replaceAll(",", "")) };
  const match = NUMBER.exec(lower);
  if (match === null) return /^[\d.,/:-]+$/.test(lower) ? { value: 0, exact: lower } : undefined;
  const [, text = "", ending = ""] = match;
  if (ending === "s") return { value: 0, exact: `${text.slice(-2)}s` };
  // The versions 3.1 and 3.10 are two, the prices 1.5 and 1.50 are one: what ends in 0 and has one other digit after the point is a version.
  if (/^\d+\.[1-9]0$/.test(text) && ending === "") return { value: 0, exact: text };
  const value = sign * Number(text.replace(",", "."));
  return { value: value * (ending === "k" ? 1e3 : ending === "bn" ? 1e9 : 1) };
}

function minusBefore(tokens: readonly Token[], at: number, joined: boolean): 1 | -1 {
  const before = tokens[at - 1];
  return joined && before?.raw === "-" && !before.joined ? -1 : 1;
}

/** Whether a word that can be a number is one here. */
function counts(word: string, tokens: readonly Token[], at: number): boolean {
  const next = tokens[at + 1]?.lower ?? "";
  const before = tokens[at - 1]?.lower ?? "";
  if (word === "second") return !/^\d/.test(before) && !/^(?:a|per|each|every|one)$/.test(before);
  if (word === "quarter" || word === "half") return /^(?:of|a|an|the|past|to|my|your|hour)$/.test(next);
  return !(word === "couple" || word === "pair") || next === "of";
}

const CURRENCIES: ReadonlyMap<string, string> = new Map([
  ["£", "gbp"],
  ["¥", "yen"],
  ["₹", "rupee"],
  ["$", "dollar"],
  ["€", "euro"],
]);

function unitAt(tokens: readonly Token[], at: number): Quantity | undefined {
  const { lower = "", raw = "" } = tokens[at] ?? {};
  const currency = CURRENCIES.get(raw);
  if (currency !== undefined) return { kind: "unit", value: currency, length: 1 };
  const area = /^(?:square|sq|cubic)$/.test(lower) ? unitsBesideNumbers.get(tokens[at + 1]?.lower ?? "") : undefined;
  if (area !== undefined) return { kind: "unit", value: `${lower[0]}-${area}`, length: 2 };
  if (/^m[²³]$/.test(lower)) return { kind: "unit", value: lower === "m²" ? "s-metre" : "c-metre", length: 1 };
  if (lower === "kilowatt" && /^hours?$/.test(tokens[at + 1]?.lower ?? ""))
    return { kind: "unit", value: "kwh", length: 2 };
  const speed =
    /^(?:miles|km|kilometres|kilometers)$/.test(lower) && /^(?:\/|per|an)$/.test(tokens[at + 1]?.lower ?? "");
  if (speed && /^h(?:our|r)?$/.test(tokens[at + 2]?.lower ?? "")) {
    return { kind: "unit", value: lower === "miles" ? "mph" : "kph", length: 3 };
  }
  const before = tokens[at - 1]?.lower ?? "";
  const beside =
    /\d/.test(before) || NUMERALS.has(before) || MULTIPLES.has(before) || /^(?:one|a|°|degrees)$/.test(before);
  const value = (beside ? unitsBesideNumbers : units).get(lower);
  if (value === undefined || (before === "a" && lower.length < 3) || tokens[at + 1]?.lower === "old") return undefined;
  return { kind: "unit", value, length: 1 };
}

const BEFORE_PERIOD: ReadonlyMap<string, string> = new Map(
  Object.entries({
    last: "last",
    past: "last",
    previous: "last",
    next: "next",
    coming: "next",
    this: "this",
    current: "this",
    every: "each",
    each: "each",
    per: "each",
    a: "each",
    an: "each",
  }),
);

function calendarAt(tokens: readonly Token[], at: number): Quantity | undefined {
  const { lower = "" } = tokens[at] ?? {};
  const next = tokens[at + 1]?.lower ?? "";
  const before = BEFORE_PERIOD.get(lower);
  const third = tokens[at + 2]?.lower;
  if (lower === "day" && (third === "tomorrow" || third === "yesterday"))
    return { kind: "calendar", value: `${next} ${third}`, length: 3 };
  const period = PERIODS.get(next) ?? CALENDAR.get(next);
  if (before !== undefined && period !== undefined && !(DOUBTFUL.has(next) && before === "each")) {
    return { kind: "calendar", value: before === "each" ? period : `${before} ${period}`, length: 2 };
  }
  const value = CALENDAR.get(lower);
  if (value === undefined || lower === "am" || lower === "pm") return undefined;
  if (DOUBTFUL.has(lower) && !dated(tokens, at)) return undefined;
  return { kind: "calendar", value, length: 1 };
}

function dated(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]?.lower ?? "";
  const next = tokens[at + 1]?.lower ?? "";
  return /^\d/.test(next) || /^\d/.test(before) || /^(?:in|on|of|by|until|since|during|for|before|after)$/.test(before);
}

/** Every word that a quantity can begin with: most words are none and are passed over at once. */
const QUANTITY_WORDS: ReadonlySet<string> = new Set([
  ...NUMERALS.keys(),
  ...MULTIPLES.keys(),
  ...units.keys(),
  ...unitsBesideNumbers.keys(),
  ...CALENDAR.keys(),
  ...BEFORE_PERIOD.keys(),
  ...["day", "square", "sq", "cubic", "kilowatt"],
]);
