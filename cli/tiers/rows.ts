/** Labelled prompts from a JSONL file, gzipped or not, or standard input; bad lines are told by their number. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type LabelledPrompt, readLabelled } from "../../libs/shared/routing/labelled.ts";
import { readLines } from "../requests/lines.ts";

const LINE_BYTES_MAX = 8 * 1024 * 1024;
/** A fit holds every embedding in memory: some 3 KB each. */
const ROWS_MAX = 200_000;

export type BadLine = { readonly line: number; readonly problem: string };
export type Labelled = { readonly rows: readonly LabelledPrompt[]; readonly bad: readonly BadLine[] };

/** @param file `-` is standard input. @throws `usage` when it cannot be read, or holds too much. */
export async function readRows(file: string): Promise<Labelled> {
  const rows: LabelledPrompt[] = [];
  const bad: BadLine[] = [];
  try {
    for await (const line of readLines(await open(file), LINE_BYTES_MAX)) {
      const read = "problem" in line ? line.problem : readLabelled(line.text);
      if (typeof read === "string") bad.push({ line: line.number, problem: read });
      else rows.push(read);
      if (rows.length > ROWS_MAX) throw new SluiceError("usage", `${file} holds more than ${ROWS_MAX} prompts`);
    }
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError("usage", `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return { rows, bad };
}

async function open(file: string): Promise<Readable> {
  if (file === "-") return process.stdin;
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || found.isDirectory()) {
    throw new SluiceError("usage", `the file ${file} cannot be read`, {
      fix: "Name a JSONL file, gzipped (.gz) or not, or - for standard input.",
    });
  }
  const stream = createReadStream(file);
  if (!file.endsWith(".gz")) return stream;
  const unzipped = createGunzip();
  stream.on("error", (error) => unzipped.destroy(error));
  return stream.pipe(unzipped);
}
