/** Where requests come from: arguments, a file or standard input, always a line at a time. */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type Built, buildPrompt, buildRequest, type Defaults } from "./build.ts";
import type { Item } from "./deliver.ts";
import { readLines } from "./lines.ts";

/** Something that can be read from its beginning, more than once where `--strict` asks for it. */
export type Input = {
  /** How many items there are, where that is known without reading: for the progress bar. */
  readonly total: number | undefined;
  items(): AsyncIterable<Item>;
  close(): Promise<void>;
};

export type InputOptions = {
  readonly defaults: Defaults;
  readonly line_bytes_max: number;
  /** Ends the reading, also while it waits for a line. */
  readonly signal: AbortSignal;
};

const newId = (): string => `cli_${randomUUID()}`;

export function fromPrompts(prompts: readonly string[], { defaults }: InputOptions): Input {
  async function* items(): AsyncGenerator<Item> {
    for (const [index, prompt] of prompts.entries()) {
      yield itemOf(`prompt ${index + 1}`, buildPrompt(prompt, defaults, newId));
    }
  }
  return { total: prompts.length, items, close: async () => undefined };
}

/** @param counted reads the file once before, to know how many lines it holds. @throws `usage` when it cannot be read. */
export async function fromFile(file: string, options: InputOptions, counted: boolean): Promise<Input> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || found.isDirectory()) {
    throw new SluiceError("usage", `the file ${file} cannot be read`, {
      fix: "Name a JSONL file, or - for standard input.",
    });
  }
  // A pipe can be read only once.
  const total = counted && found.isFile() ? await countLines(file, options.line_bytes_max) : undefined;
  return { total, items: () => lineItems(createReadStream(file), options), close: async () => undefined };
}

/** @param twice keeps a copy in a file, so that all can be checked before any of it is sent. */
export async function fromStdin(options: InputOptions, twice: boolean): Promise<Input> {
  if (!twice) return { total: undefined, items: () => lineItems(process.stdin, options), close: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), "sluice-send-"));
  const file = join(folder, "input.jsonl");
  await pipeline(process.stdin, createWriteStream(file, { mode: 0o600 }), { signal: options.signal });
  return {
    total: undefined,
    items: () => lineItems(createReadStream(file), options),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function* lineItems(stream: Readable, { defaults, line_bytes_max, signal }: InputOptions): AsyncGenerator<Item> {
  const abort = (): void => void stream.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const line of readLines(stream, line_bytes_max)) {
      const where = `line ${line.number}`;
      if ("problem" in line) yield { ok: false, where, reason: line.problem };
      else yield itemOf(where, buildRequest(line.text, defaults, newId));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function itemOf(where: string, built: Built): Item {
  return built.ok ? { ok: true, where, request: built.request } : { ok: false, where, reason: built.reason };
}

async function countLines(file: string, line_bytes_max: number): Promise<number> {
  let count = 0;
  for await (const _ of readLines(createReadStream(file), line_bytes_max)) count += 1;
  return count;
}
