/** The input file of a batch: what its lines ask for, and what is wrong with them. Pure. */

import { asObject } from "./requests.ts";

/** OpenAI's limits (platform.openai.com/docs/guides/batch). */
const LINES_MAX = 50_000;
/** Problems that a failed batch lists; the rest is left out. */
const PROBLEMS_MAX = 100;

export type BatchLine = { readonly custom_id: string; readonly body: Readonly<Record<string, unknown>> };

/** As a batch's `errors.data` has it; `line` counts from 1. */
export type LineProblem = {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
};

export type BatchInput =
  | { readonly ok: true; readonly lines: readonly BatchLine[] }
  | { readonly ok: false; readonly problems: readonly LineProblem[] };

type State = { readonly endpoint: string; readonly seen: Set<string>; model: unknown };

/** Reads the lines of a batch for this endpoint; blank ones are passed over. One bad line fails the whole. */
export function parseBatchInput(text: string, endpoint: string): BatchInput {
  const state: State = { endpoint, seen: new Set(), model: undefined };
  const lines: BatchLine[] = [];
  const problems: LineProblem[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const read = readLine(line, state);
    if ("custom_id" in read) lines.push(read);
    else if (problems.length < PROBLEMS_MAX) problems.push({ ...read, line: at + 1 });
  }
  if (problems.length > 0) return { ok: false, problems };
  if (lines.length === 0) return wholeFile("empty_file", "The input file has no requests.");
  if (lines.length > LINES_MAX) return wholeFile("max_requests_exceeded", `More than ${LINES_MAX} requests.`);
  return { ok: true, lines };
}

function wholeFile(code: string, message: string): BatchInput {
  return { ok: false, problems: [{ code, message, param: null, line: null }] };
}

type Problem = Omit<LineProblem, "line">;

function readLine(line: string, state: State): BatchLine | Problem {
  const entry = asObject(parsed(line));
  if (entry === undefined) return problem("invalid_json_line", "This line is not parseable as valid JSON.", null);
  const { custom_id, method, url } = entry;
  if (typeof custom_id !== "string" || custom_id === "") return missing("custom_id");
  if (state.seen.has(custom_id)) {
    return problem("duplicate_custom_id", `The custom_id '${custom_id}' appears more than once.`, "custom_id");
  }
  state.seen.add(custom_id);
  if (method !== "POST") return problem("invalid_method", "The method must be 'POST'.", "method");
  if (url !== state.endpoint) {
    return problem("invalid_url", `The URL must be the batch's endpoint, '${state.endpoint}'.`, "url");
  }
  const body = asObject(entry["body"]);
  if (body === undefined) return missing("body");
  state.model ??= body["model"];
  if (body["model"] !== state.model) {
    return problem("mismatched_model", "All requests of a batch must be for one model.", "body.model");
  }
  return { custom_id, body };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function missing(param: string): Problem {
  return problem("missing_required_parameter", `Missing required parameter: '${param}'.`, param);
}

function problem(code: string, message: string, param: string | null): Problem {
  return { code, message, param };
}
