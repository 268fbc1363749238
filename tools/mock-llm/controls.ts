/**
 * What a request asks of the mock itself, in three ways: HTTP headers (`x-mock-latency-ms: 50`), the body's `metadata`
 * (`mock_latency_ms`), or a directive in the last user message (`[[mock latency_ms=50 fault=429:2]]`), since a request
 * that travels through a pipeline cannot carry HTTP headers. Headers win over metadata, metadata over the directive.
 */

import { type ApiError, badRequest } from "./errors.ts";
import { type FaultSpec, parseFaultSpec } from "./faults.ts";
import type { Pace } from "./timing.ts";

export type Controls = Pace & {
  /** The exact length of the answer. */
  readonly tokens?: number | undefined;
  /** The mean log-probability of the answer's tokens (0 is certain). */
  readonly logprob?: number | undefined;
  /** What a 429 or 503 fault says in `retry-after-ms`. */
  readonly retry_after_ms?: number | undefined;
  readonly fault?: FaultSpec | undefined;
  /** The text of the answer. */
  readonly answer?: string | undefined;
};

type Limits = { readonly min: number; readonly max: number };
const MS: Limits = { min: 0, max: 3_600_000 };
const NUMBERS = {
  latency_ms: MS,
  ttft_ms: MS,
  itl_ms: MS,
  retry_after_ms: MS,
  tokens: { min: 1, max: 100_000 },
  logprob: { min: -100, max: 0 },
} as const satisfies Record<string, Limits>;

type NumberName = keyof typeof NUMBERS;
const NUMBER_NAMES = Object.keys(NUMBERS) as NumberName[];
/** `answer`: + stands for a space. `model`: the others hold for calls of that model alone. */
const TEXT_NAMES = ["fault", "answer", "model"] as const;
const HEADERS = [...NUMBER_NAMES, ...TEXT_NAMES].map((name) => [`x-mock-${name.replaceAll("_", "-")}`, name] as const);
const METADATA = [...NUMBER_NAMES, ...TEXT_NAMES].map((name) => [`mock_${name}`, name] as const);

const DIRECTIVE_START = "[[mock ";
const DIRECTIVE = /\[\[mock ([^\]]{0,500})\]\]/;

export type ControlSources = {
  /** HTTP headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body's `metadata`, if any. */
  readonly metadata: unknown;
  /** The last user message, or an embeddings input. */
  readonly text: string;
  /** The model that is called. */
  readonly model: string;
};

export type ControlsResult =
  | { readonly ok: true; readonly controls: Controls }
  | { readonly ok: false; readonly error: ApiError };

const NONE: ControlsResult = { ok: true, controls: {} };

/** Reads the controls; a name or value that makes no sense is a 400, for silence would hide a wrong test. */
export function parseControls(sources: ControlSources): ControlsResult {
  const found = new Map<string, string>();
  const unknown = readDirective(sources.text, found);
  if (unknown !== undefined)
    return { ok: false, error: badRequest(`Unknown mock directive '${unknown}'.`, "messages") };
  if (typeof sources.metadata === "object" && sources.metadata !== null) {
    const metadata = sources.metadata as Record<string, unknown>;
    for (const [key, name] of METADATA) if (metadata[key] !== undefined) found.set(name, String(metadata[key]));
  }
  for (const [header, name] of HEADERS) {
    const value = sources.headers[header];
    if (value !== undefined) found.set(name, String(value));
  }
  const model = found.get("model");
  if (found.size === 0 || (model !== undefined && model !== sources.model)) return NONE;
  return toControls(found);
}

/** Whether a directive may stand in the text. */
export function hasDirective(text: string): boolean {
  return text.includes(DIRECTIVE_START);
}

/** The text without its directive: what a model would have been asked. */
export function withoutDirective(text: string): string {
  return hasDirective(text) ? text.replace(DIRECTIVE, "").trim() : text;
}

/** Fills `found` with the pairs of the directive; returns a word it does not know. */
function readDirective(text: string, found: Map<string, string>): string | undefined {
  if (!hasDirective(text)) return undefined;
  for (const word of DIRECTIVE.exec(text)?.[1]?.split(/\s+/) ?? []) {
    if (word === "") continue;
    const at = word.indexOf("=");
    const name = word.slice(0, at);
    const known = Object.hasOwn(NUMBERS, name) || TEXT_NAMES.some((one) => one === name);
    if (at < 0 || !known) return word;
    found.set(name, word.slice(at + 1));
  }
  return undefined;
}

function toControls(found: ReadonlyMap<string, string>): ControlsResult {
  const controls: { -readonly [K in keyof Controls]: Controls[K] } = {};
  for (const [name, text] of found) {
    if (name === "model") continue;
    if (name === "answer") {
      controls.answer = text.replaceAll("+", " ");
      continue;
    }
    if (name === "fault") {
      controls.fault = parseFaultSpec(text);
      if (controls.fault === undefined) return { ok: false, error: badRequest(`Unknown mock fault '${text}'.`) };
      continue;
    }
    const limits = NUMBERS[name as NumberName];
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= limits.min && value <= limits.max)) {
      return { ok: false, error: badRequest(`mock ${name} must be ${limits.min} to ${limits.max}, not '${text}'.`) };
    }
    controls[name as NumberName] = name === "tokens" ? Math.floor(value) : value;
  }
  return { ok: true, controls };
}
