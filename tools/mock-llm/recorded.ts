/**
 * Answers that were recorded before: JSONL, one object a line, with `prompt` and
 * - `response`: what every model says, or
 * - `weak_response` and `strong_response`: what the models named as weak and as strong say, or
 * - `responses`: `{"<model>": "<text>"}`, which wins where it has the model.
 */

import { asObject } from "./requests.ts";

export type Recorded = {
  readonly response: string | undefined;
  readonly weak_response: string | undefined;
  readonly strong_response: string | undefined;
  readonly responses: Readonly<Record<string, unknown>>;
};

/** Which models speak with the weak and with the strong voice; any other says `response`, else the strong one's text. */
export type Voices = { readonly weak_models: readonly string[]; readonly strong_models: readonly string[] };

/** Prompt (trimmed) to answers. */
export type Recordings = ReadonlyMap<string, Recorded>;

export type RecordingsResult =
  | { readonly ok: true; readonly recordings: Recordings }
  | { readonly ok: false; readonly line: number; readonly problem: string };

/** Reads a JSONL text; blank lines are passed over, the last line with a prompt counts. */
export function parseRecordings(text: string): RecordingsResult {
  const recordings = new Map<string, Recorded>();
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const entry = parseLine(line);
    if (typeof entry === "string") return { ok: false, line: at + 1, problem: entry };
    recordings.set(entry.prompt, entry.recorded);
  }
  return { ok: true, recordings };
}

function parseLine(line: string): { prompt: string; recorded: Recorded } | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "not JSON";
  }
  const entry = asObject(value);
  const prompt = entry?.["prompt"];
  if (entry === undefined || typeof prompt !== "string") return "no 'prompt' text";
  const recorded: Recorded = {
    response: textOf(entry["response"]),
    weak_response: textOf(entry["weak_response"]),
    strong_response: textOf(entry["strong_response"]),
    responses: asObject(entry["responses"]) ?? {},
  };
  const some = recorded.response ?? recorded.weak_response ?? recorded.strong_response;
  if (some === undefined && Object.keys(recorded.responses).length === 0) {
    return "no 'response', 'weak_response', 'strong_response' or 'responses'";
  }
  return { prompt: prompt.trim(), recorded };
}

/** What this model says to this prompt, if that was recorded. */
export function recordedAnswer(
  recordings: Recordings,
  prompt: string,
  model: string,
  voices: Voices,
): string | undefined {
  const recorded = recordings.size === 0 ? undefined : recordings.get(prompt.trim());
  if (recorded === undefined) return undefined;
  const own = Object.hasOwn(recorded.responses, model) ? textOf(recorded.responses[model]) : undefined;
  if (own !== undefined) return own;
  const { response, weak_response, strong_response } = recorded;
  if (voices.weak_models.includes(model)) return weak_response ?? response;
  if (voices.strong_models.includes(model)) return strong_response ?? response;
  return response ?? strong_response ?? weak_response;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
