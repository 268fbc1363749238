/** One line of a batch's input file: what it asks, or what is wrong with it. Pure. */

import { bodyKind, chatBody, embeddingsBody } from "../../../libs/shared/events/request.ts";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import type { BatchEndpoint, BatchError } from "../../../libs/shared/jobs/batch.ts";
import { nestsDeeper, REQUEST_LEVELS_MAX } from "../../../libs/shared/nesting.ts";
import { pollutes } from "../../../libs/shared/pollution.ts";
import type { JobRequest } from "../jobs/records.ts";

const CUSTOM_ID_CHARS_MAX = 512;

type Problem = Omit<BatchError, "line">;

type CheckedLine =
  | { readonly ok: true; readonly custom_id: string; readonly asked: JobRequest }
  | { readonly ok: false; readonly problem: Problem };

const BODIES = { "/v1/chat/completions": chatBody, "/v1/embeddings": embeddingsBody } as const;
const KINDS = { "/v1/chat/completions": "chat", "/v1/embeddings": "embeddings" } as const;

function problem(code: string, param: string | null, message: string): { ok: false; problem: Problem } {
  return { ok: false, problem: { code, message, param } };
}

export function checkLine(bytes: Uint8Array, endpoint: BatchEndpoint): CheckedLine {
  const line = parsed(bytes);
  if (typeof line !== "object" || line === null || Array.isArray(line)) {
    return problem("invalid_json_line", null, "the line must be a JSON object");
  }
  // The envelope that it becomes is as deep as the line.
  if (nestsDeeper(line, REQUEST_LEVELS_MAX)) {
    return problem("invalid_request", null, `the line must nest at most ${REQUEST_LEVELS_MAX} levels deep`);
  }
  if (pollutes(line)) {
    return problem("invalid_request", null, "the line must hold no member __proto__, nor constructor.prototype");
  }
  const { custom_id, method, url, body } = line as Readonly<Record<string, unknown>>;
  if (custom_id === undefined) {
    return problem("missing_required_parameter", "custom_id", "custom_id is required; give each line its own");
  }
  if (typeof custom_id !== "string" || !isName(custom_id)) {
    const what = `custom_id must be a string of 1 to ${CUSTOM_ID_CHARS_MAX} characters, none of them NUL`;
    return problem("invalid_custom_id", "custom_id", what);
  }
  if (method !== "POST") return problem("invalid_method", "method", 'method must be "POST"');
  if (url !== endpoint) {
    return problem("mismatched_url", "url", `url must be "${endpoint}", the endpoint of the batch`);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return problem("invalid_request", "body", "body must be a JSON object");
  }
  return checkBody(body as Record<string, unknown>, custom_id, endpoint);
}

function checkBody(body: Record<string, unknown>, custom_id: string, endpoint: BatchEndpoint): CheckedLine {
  const kind = bodyKind(body);
  if (kind !== KINDS[endpoint] && ("messages" in body || "input" in body)) {
    const member = endpoint === "/v1/embeddings" ? "input" : "messages";
    return problem("invalid_request", "body", `body must hold "${member}" alone, as ${endpoint} has it`);
  }
  const checked = BODIES[endpoint].safeParse(body);
  if (!checked.success) {
    const { param, message } = firstProblem(checked.error, "body");
    return problem("invalid_request", param, message);
  }
  if (body["stream"] === true) {
    return problem("stream_not_supported", "body.stream", "body.stream must not be true: a batch has no streams");
  }
  const user = body["user"];
  const named = typeof user === "string" && /^\P{Cc}+$/u.test(user) ? { user: user.slice(0, 256) } : {};
  return { ok: true, custom_id, asked: { body: checked.data, ...named } };
}

/** JSON in UTF-8; undefined for what is none. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Postgres' text holds no NUL and no half of a character. */
function isName(text: string): boolean {
  return text.length > 0 && text.length <= CUSTOM_ID_CHARS_MAX && !text.includes("\0") && text.isWellFormed();
}
