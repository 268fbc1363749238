/** The documents of an input file, in order: JSONL, or plain text that is one document. */
import { z } from "zod";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import { readLines } from "../../../libs/shared/files/lines.ts";
import type { InputError } from "../../../libs/shared/map-reduce/job.ts";

export type InputFormat = "jsonl" | "text";

/** A document as it comes: its text in one piece or several, then its end. */
export type DocumentEvent =
  /** Numbers are from 1. */
  | { readonly kind: "begins"; readonly number: number; readonly id?: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "ends" }
  | { readonly kind: "problem"; readonly problem: InputError };

/** The longest line; a document of more goes in as a text file of its own. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;

/** Ids are shown, and kept where some characters cannot be. */
const PRINTED = /^\P{Cc}*$/u;

const documentLine = z.union(
  [
    z.string(),
    z.looseObject({
      id: z.union([z.string().min(1).max(256).regex(PRINTED, "must hold no control characters"), z.int()]).optional(),
      text: z.string(),
    }),
  ],
  { error: 'must be a string, or an object such as {"id": "a", "text": "…"}' },
);

const TEXT_NAMES = /\.(txt|text|md|markdown)$/i;
const JSONL_NAMES = /\.(jsonl|ndjson)$/i;

/** By its name; where that says nothing, JSONL is what begins like a line of it. */
export function formatOf(filename: string, beginning: string): InputFormat {
  if (JSONL_NAMES.test(filename)) return "jsonl";
  if (TEXT_NAMES.test(filename)) return "text";
  return /^\uFEFF?\s*["{]/.test(beginning) ? "jsonl" : "text";
}

export async function* readDocuments(
  content: AsyncIterable<Uint8Array>,
  format: InputFormat,
): AsyncGenerator<DocumentEvent> {
  yield* format === "jsonl" ? ofLines(content) : ofText(content);
}

async function* ofLines(content: AsyncIterable<Uint8Array>): AsyncGenerator<DocumentEvent> {
  let number = 0;
  for await (const line of readLines(content, { line_bytes_max: LINE_BYTES_MAX })) {
    const read = line.too_long
      ? problem("line_too_long", `has more than ${LINE_BYTES_MAX} bytes; upload it as a text file`, line.number)
      : readLine(line.bytes, line.number);
    if ("kind" in read) {
      yield read;
      continue;
    }
    number += 1;
    yield { kind: "begins", number, ...(read.id === undefined ? {} : { id: String(read.id) }) };
    yield { kind: "text", text: read.text };
    yield { kind: "ends" };
  }
}

type ReadLine = { readonly id?: string | number | undefined; readonly text: string };

function readLine(bytes: Uint8Array, line: number): ReadLine | Extract<DocumentEvent, { kind: "problem" }> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return problem("invalid_json_line", "is not JSON in UTF-8", line);
  }
  const parsed = documentLine.safeParse(json);
  if (!parsed.success) return problem("invalid_document", firstProblem(parsed.error, "the line").message, line);
  return typeof parsed.data === "string" ? { text: parsed.data } : parsed.data;
}

async function* ofText(content: AsyncIterable<Uint8Array>): AsyncGenerator<DocumentEvent> {
  yield { kind: "begins", number: 1 };
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const piece of content) yield { kind: "text", text: decoder.decode(piece, { stream: true }) };
    yield { kind: "text", text: decoder.decode() };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA")) throw error;
    yield problem("invalid_text", "the file is not text in UTF-8");
  }
  yield { kind: "ends" };
}

function problem(code: string, what: string, line?: number): Extract<DocumentEvent, { kind: "problem" }> {
  const message = line === undefined ? what : `line ${line}: ${what}`;
  return { kind: "problem", problem: { code, message, ...(line === undefined ? {} : { line }) } };
}
