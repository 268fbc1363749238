/** Reads labelled pairs: a JSONL file, gzipped or not, or standard input. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type Pair, parsePair } from "../../libs/shared/semantic/pairs.ts";
import { readLines } from "../requests/lines.ts";

const LINE_BYTES_MAX = 256 * 1024;
/** All are held in memory, with a vector for each question. */
const PAIRS_MAX = 200_000;
const GZIP = Buffer.from([0x1f, 0x8b]);

export type BadLine = { readonly line: number; readonly problem: string };
export type PairsRead = { readonly pairs: readonly Pair[]; readonly bad: readonly BadLine[] };

/** @param file `-` is standard input. @throws `usage` when it cannot be read or holds too much. */
export async function readPairs(file: string, stdin: Readable = process.stdin): Promise<PairsRead> {
  if (file === "-") return collect(stdin, "standard input");
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || found.isDirectory()) {
    throw new SluiceError("usage", `the file ${file} cannot be read`, {
      fix: 'Name a JSONL file of {"a", "b", "duplicate"}, gzipped or not, or - for standard input.',
    });
  }
  return collect(createReadStream(file), file);
}

async function collect(stream: AsyncIterable<Buffer>, name: string): Promise<PairsRead> {
  const pairs: Pair[] = [];
  const bad: BadLine[] = [];
  try {
    for await (const line of readLines(await unzipped(stream), LINE_BYTES_MAX)) {
      const parsed = "problem" in line ? { ok: false as const, problem: line.problem } : parsePair(line.text);
      if (parsed.ok) pairs.push(parsed.pair);
      else bad.push({ line: line.number, problem: parsed.problem });
      if (pairs.length > PAIRS_MAX) throw new SluiceError("usage", `${name} holds more than ${PAIRS_MAX} pairs`);
    }
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError("usage", `${name} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return { pairs, bad };
}

/** Told by its first bytes, so that standard input may be gzipped too. */
async function unzipped(stream: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const chunks = stream[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < GZIP.length) {
    const next = await chunks.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  const whole = startedWith(start, chunks);
  if (!start.subarray(0, GZIP.length).equals(GZIP)) return whole;
  const zipped = Readable.from(whole);
  const plain = createGunzip();
  zipped.on("error", (error) => plain.destroy(error));
  return zipped.pipe(plain);
}

async function* startedWith(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
