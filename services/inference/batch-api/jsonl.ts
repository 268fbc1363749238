/**
 * The files of a provider's batch: one request a line in, one answer a line out. Pure.
 * Format: OpenAI's Batch API (platform.openai.com/docs/guides/batch).
 */
import { createHash } from "node:crypto";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
/** Of a hash in base64url: 192 bits. */
const HASH_CHARS = 32;

/**
 * The `custom_id` of a line: its position, which makes it unique within the batch, and a hash of whom it is for. At most 64
 * characters, none of them a space.
 * @param source names the request: the same text for the same (tenant, id).
 */
export function customIdOf(position: number, source: string): string {
  return `${position}-${createHash("sha256").update(source).digest("base64url").slice(0, HASH_CHARS)}`;
}

/** A batch names endpoints from the root: `/v1/chat/completions` for `/chat/completions`, whatever the base URL. */
export function endpointUrl(path: string): string {
  return `/v1${path}`;
}

export type InputLine = { readonly custom_id: string; readonly path: string; readonly body: Buffer };

/**
 * The input file. Bodies are JSON and carried as they are, but that line breaks between their tokens (there are none within a
 * JSON string) become spaces.
 */
export function inputFile(lines: readonly InputLine[]): Buffer {
  const tail = Buffer.from("}\n");
  return Buffer.concat(
    lines.flatMap(({ body, custom_id, path }) => {
      const url = JSON.stringify(endpointUrl(path));
      const head = `{"custom_id":${JSON.stringify(custom_id)},"method":"POST","url":${url},"body":`;
      return [Buffer.from(head), onOneLine(body), tail];
    }),
  );
}

function onOneLine(json: Buffer): Buffer {
  if (!json.includes(NEWLINE) && !json.includes(RETURN)) return json;
  return Buffer.from(json.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte)));
}

/** What an output or error file says of one line. */
export type LineAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly body: Buffer }
  /** The provider did not run it, or gave up on it: `batch_expired`, `batch_cancelled`, `request_timeout`. */
  | { readonly kind: "not_run"; readonly code: string; readonly message: string };

/**
 * Adds what a file says to `answers`. Lines that are blank, that cannot be read, that name an id nobody asked for or one that
 * has an answer already are passed over: the first wins.
 */
export function readAnswers(file: Buffer, wanted: ReadonlySet<string>, answers: Map<string, LineAnswer>): void {
  for (let start = 0; start < file.length; ) {
    const newline = file.indexOf(NEWLINE, start);
    const end = newline < 0 ? file.length : newline;
    const entry = objectOf(parsed(file.toString("utf8", start, end)));
    start = end + 1;
    const custom_id = entry?.["custom_id"];
    if (entry === undefined || typeof custom_id !== "string") continue;
    if (!wanted.has(custom_id) || answers.has(custom_id)) continue;
    const answer = answerOf(entry);
    if (answer !== undefined) answers.set(custom_id, answer);
  }
}

function answerOf(entry: Readonly<Record<string, unknown>>): LineAnswer | undefined {
  const response = objectOf(entry["response"]);
  const status = response?.["status_code"];
  if (response !== undefined && typeof status === "number" && Number.isInteger(status)) {
    return { kind: "answered", status, body: Buffer.from(JSON.stringify(response["body"]) ?? "null") };
  }
  const error = objectOf(entry["error"]);
  if (error === undefined) return undefined;
  return { kind: "not_run", code: textOf(error["code"]) ?? "unknown", message: textOf(error["message"]) ?? "" };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Record<string, unknown>;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
