/** The first look at a file for `cache warm`: nothing is written before all of it is known to be good. Pure. */
import type { Line } from "../requests/lines.ts";
import { entryFor, type WarmContext, type WarmEntry } from "./warm-entry.ts";
import { readRow, type WarmDefaults } from "./warm-row.ts";

export type Survey = {
  /** Lines with something on them. */
  readonly lines: number;
  /** Lines that make an entry. */
  readonly entries: number;
  readonly bad: readonly { readonly line: number; readonly reason: string }[];
  readonly sensitive: readonly { readonly line: number; readonly what: string }[];
  /** Lines that ask what an earlier line asks: the earlier one stands. */
  readonly duplicates: readonly { readonly line: number; readonly first: number }[];
};

export type WarmSource = { readonly context: WarmContext; readonly defaults: WarmDefaults; readonly now_ms: number };

/** Grows with the number of lines: whoever reads the file bounds it. */
export class FileSurvey {
  readonly #source: WarmSource;
  /** Entry ids, with the line that each comes from. */
  readonly #first = new Map<string, number>();
  readonly #bad: { line: number; reason: string }[] = [];
  readonly #sensitive: { line: number; what: string }[] = [];
  readonly #duplicates: { line: number; first: number }[] = [];
  #lines = 0;

  constructor(source: WarmSource) {
    this.#source = source;
  }

  add(line: Line): void {
    this.#lines += 1;
    const made = madeOf(line, this.#source);
    if (made.kind === "bad") this.#bad.push({ line: line.number, reason: made.reason });
    else if (made.kind === "sensitive") this.#sensitive.push({ line: line.number, what: made.what });
    else this.#note(made.entry.head.entry_id, line.number);
  }

  /** The entry of a line, on the second reading; undefined for a line that makes none. */
  entryOf(line: Line): WarmEntry | undefined {
    const made = madeOf(line, this.#source);
    return made.kind === "entry" && this.#first.get(made.entry.head.entry_id) === line.number ? made.entry : undefined;
  }

  get entries(): number {
    return this.#first.size;
  }

  get result(): Survey {
    return {
      lines: this.#lines,
      entries: this.entries,
      bad: this.#bad,
      sensitive: this.#sensitive,
      duplicates: this.#duplicates,
    };
  }

  #note(entry_id: string, line: number): void {
    const first = this.#first.get(entry_id);
    if (first === undefined) this.#first.set(entry_id, line);
    else this.#duplicates.push({ line, first });
  }
}

function madeOf(line: Line, { context, defaults, now_ms }: WarmSource) {
  if ("problem" in line) return { kind: "bad", reason: line.problem } as const;
  const read = readRow(line.text, defaults);
  return read.ok ? entryFor(read.row, context, now_ms) : ({ kind: "bad", reason: read.reason } as const);
}
