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

/** The lines about a subject, and the crashes, stalls and rebalances between them; the last ones when there are many. */
export function trail(lines: readonly TraceLine[], subject: string | undefined, lines_max: number): string[] {
  const upset = /^(crashes|starts|stalls|is told|loses|sends late|has a new generation|joined)/;
  const about = lines.filter((line) => (subject === undefined ? upset.test(line.what) : isAbout(line, subject)));
  const first_ms = about[0]?.at_ms ?? 0;
  const shown = lines.filter((line) => about.includes(line) || (line.at_ms >= first_ms && upset.test(line.what)));
  const kept = shown.slice(-lines_max);
  const left_out = shown.length - kept.length;
  const text = kept.map(
    ({ at_ms, who, what, subject: of }) => `${at_ms.toFixed(0).padStart(7)} ms  ${who}: ${what}${of && `  (${of})`}`,
  );
  return left_out === 0 ? text : [`  … ${left_out} lines before`, ...text];
}

function isAbout(line: TraceLine, subject: string): boolean {
  return line.subject === subject;
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
