/**
 * How much a request asks for, from 0 (a greeting) to 1 (long, technical work in several steps), read off its surface. A cheap guess:
 * length, code, maths, steps, constraints, structure and turns each add their part, and every part is told. Pure.
 */
import { shortened } from "./surface.ts";

/** Of a longer text the beginning and the end are looked at, which bounds the time that it takes. */
const CHARS_MAX = 8_000;

export type Complexity = {
  /** 0 to 1. */
  readonly score: number;
  /** What each sign adds to the score before it is bounded; those that add nothing are left out. */
  readonly parts: Readonly<Record<string, number>>;
};

export type ComplexityInput = {
  /** The last user turn; undefined where it is not text alone. */
  readonly text: string | undefined;
  /** Of all messages. */
  readonly chars: number;
  readonly turns: number;
  readonly features: readonly string[];
};

/** A sign adds `weight` when it is there `full` times, and proportionally less before. */
type Sign = { readonly name: string; readonly pattern: RegExp; readonly weight: number; readonly full: number };

const SIGNS: readonly Sign[] = [
  {
    name: "code",
    pattern:
      /```|=>|->|::|[{};]\s*$|\b(?:function|def|class|const|import|async|await|SELECT|JOIN|traceback|exception|refactor|debug|regex|compile|algorithm|unit tests?|race condition|stack ?trace)\b/gim,
    weight: 0.3,
    full: 3,
  },
  {
    name: "maths",
    pattern:
      /[=≤≥√∑∫∂≈^]|\\[a-z]+|\d\s*[+*/×÷]\s*\d|\b(?:prove|proof|theorem|integral|derivative|equation|probability|matrix|eigen\w*|polynomial|optimi[sz]\w+|complexity|asymptotic\w*|logarithm\w*)\b/gi,
    weight: 0.3,
    full: 3,
  },
  {
    name: "reasoning",
    pattern:
      /\b(?:why|explain|analy[sz]e|compare|contrast|evaluate|derive|design|architect\w*|justify|critique|trade-?offs?|root cause|implications?|step[- ]by[- ]step|in detail|in depth|strategy|plan)\b/gi,
    weight: 0.3,
    full: 3,
  },
  {
    name: "steps",
    pattern: /^\s*(?:\d{1,2}[.)]|[-*•])\s|\b(?:first|second|third|then|next|after that|finally|afterwards)\b/gim,
    weight: 0.2,
    full: 4,
  },
  {
    name: "constraints",
    pattern:
      /\b(?:must|should|at least|at most|exactly|without|only|except|unless|ensure|avoid|do not|don't|no more than|between \d+ and \d+|format|constraints?|requirements?)\b/gi,
    weight: 0.2,
    full: 4,
  },
  { name: "quantities", pattern: /\d+(?:[.,]\d+)*/g, weight: 0.15, full: 6 },
];

/** A prompt of so many characters has the whole part of length: beyond a page there is work to be done. */
const LENGTH_FULL_CHARS = 4_000;
/** A question of a line adds nothing. */
const LENGTH_FREE_CHARS = 200;
const LENGTH_WEIGHT = 0.5;
/** All messages together: what was said before has to be read too. */
const CONTEXT_FULL_CHARS = 24_000;
const CONTEXT_WEIGHT = 0.25;
const TURNS_FREE = 2;
const TURNS_FULL = 20;
const TURNS_WEIGHT = 0.1;
const FEATURE_WEIGHTS: Readonly<Record<string, number>> = { tools: 0.15, structured_output: 0.1, images: 0.1 };
/** Turns that are no text, or too long to be looked into. */
const UNREAD_WEIGHT = 0.2;

/** A score from which on the stronger tier is worth its price for most traffic; `routing.complexity.threshold` sets another. */
export const COMPLEXITY_THRESHOLD = 0.4;

export function complexityOf({ text, chars, turns, features }: ComplexityInput): Complexity {
  const parts: Record<string, number> = {};
  const add = (name: string, part: number): void => {
    if (part > 0) parts[name] = Math.round(part * 1_000) / 1_000;
  };
  if (text === undefined) add("unread", UNREAD_WEIGHT);
  else {
    add("length", LENGTH_WEIGHT * between(text.length, LENGTH_FREE_CHARS, LENGTH_FULL_CHARS));
    const seen = shortened(text, CHARS_MAX);
    for (const { name, pattern, weight, full } of SIGNS) {
      add(name, weight * Math.min(1, countUpTo(pattern, seen, full) / full));
    }
  }
  add("context", CONTEXT_WEIGHT * between(chars - (text?.length ?? 0), LENGTH_FREE_CHARS, CONTEXT_FULL_CHARS));
  add("turns", TURNS_WEIGHT * between(turns, TURNS_FREE, TURNS_FULL));
  for (const feature of features) add(feature, FEATURE_WEIGHTS[feature] ?? 0);
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  return { score: Math.round(Math.min(1, sum) * 1_000) / 1_000, parts };
}

/** 0 at `from` and below, 1 at `to` and above, by the logarithm in between. */
function between(value: number, from: number, to: number): number {
  if (value <= from) return 0;
  return Math.min(1, Math.log(value / from) / Math.log(to / from));
}

/** Stops at what changes nothing any more. */
function countUpTo(pattern: RegExp, text: string, most: number): number {
  pattern.lastIndex = 0;
  let count = 0;
  while (count < most && pattern.exec(text) !== null) count += 1;
  pattern.lastIndex = 0;
  return count;
}
