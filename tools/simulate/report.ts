/** What a person and a script are told of the runs. Pure. */
import type { Counts, TraceLine } from "./trace.ts";
import { noCounts } from "./trace.ts";
import type { RunReport } from "./world.ts";

export type Summary = Counts & {
  readonly seeds: number;
  readonly events: number;
  readonly virtual_s: number;
  readonly wall_s: number;
  readonly seeds_per_s: number;
};

/** Sums runs up as they end. */
export class Tally {
  readonly #counts = noCounts();
  #seeds = 0;
  #events = 0;
  #virtual_ms = 0;

  add(report: RunReport): void {
    this.#seeds += 1;
    this.#events += report.events;
    this.#virtual_ms += report.virtual_ms;
    for (const name of Object.keys(this.#counts) as (keyof Counts)[]) this.#counts[name] += report.counts[name];
  }

  summary(wall_ms: number): Summary {
    const wall_s = wall_ms / 1_000;
    return {
      seeds: this.#seeds,
      events: this.#events,
      ...this.#counts,
      virtual_s: Math.round(this.#virtual_ms / 1_000),
      wall_s: Math.round(wall_s * 10) / 10,
      seeds_per_s: Math.round(this.#seeds / wall_s),
    };
  }
}

export function summaryText(summary: Summary): string {
  const { seeds, seeds_per_s, virtual_s, wall_s, events, ...counts } = summary;
  const what = Object.entries(counts).map(([name, count]) => `${name.replaceAll("_", " ")} ${count}`);
  return [
    `${seeds} seeds, ${events} events, ${virtual_s} s of virtual time in ${wall_s} s (${seeds_per_s} seeds/s)`,
    `  ${what.slice(0, 8).join(", ")}`,
    `  ${what.slice(8).join(", ")}`,
  ].join("\n");
}

/**
 * What happened to a subject: its own records first, then who read and committed their partitions since, then crashes, stalls and
 * rebalances; as many of the latest of each as there is room for, in the order they happened.
 */
function trail(lines: readonly TraceLine[], subject: string | undefined, lines_max: number): string[] {
  const written = lines.filter((line) => subject !== undefined && line.subject === subject);
  const partitions = new Set(written.map(({ what }) => what.slice(0, what.indexOf("@"))));
  const first_ms = written[0]?.at_ms ?? 0;
  const since = lines.filter(({ at_ms }) => at_ms >= first_ms);
  const touched = since.filter((line) => TOUCHES.test(line.what) && partitions.has(line.subject));
  const upset = since.filter(({ what }) => UPSETS.test(what));
  const chosen = new Set<TraceLine>();
  for (const group of [written, touched, upset]) {
    const room = lines_max - chosen.size;
    if (room > 0) for (const line of group.slice(-room)) chosen.add(line);
  }
  return lines.filter((line) => chosen.has(line)).map(lineText);
}

const TOUCHES = /^(reads|commits)/;
const UPSETS = /^(crashes|stalls|is told|loses|sends late|has a new generation)/;

function lineText({ at_ms, who, what, subject }: TraceLine): string {
  return `${at_ms.toFixed(0).padStart(7)} ms  ${who}: ${what}${subject === "" ? "" : `  (${subject})`}`;
}

/** The command that repeats a run. */
export function repeatCommand(seed: number, plant: string | undefined): string {
  return `npm run simulate -- --seed ${seed}${plant === undefined ? "" : ` --plant ${plant}`}`;
}

export function violationText(report: RunReport, plant: string | undefined, lines_max: number): string {
  const { violation, seed, trace } = report;
  if (violation === undefined) return "";
  return [
    `seed ${seed} breaks ${violation.invariant}: ${violation.message}`,
    ...(violation.subject === undefined ? [] : [`what happened to ${violation.subject}:`]),
    ...trail(trace, violation.subject, lines_max),
    `repeat it: ${repeatCommand(seed, plant)}`,
  ].join("\n");
}
