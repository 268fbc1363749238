/** Whether clocks agree: deadlines, rate limits, days of budgets and trails are by the clock of whoever looks. Pure. */
import { type Finding, Findings } from "./finding.ts";

export type ClockFacts = {
  readonly who: string;
  /** Its clock less this machine's, at the middle of the question. */
  readonly ahead_ms: number;
  /** What the answer took: the difference is not known better than half of it. */
  readonly took_ms: number;
};

const SKEW_MS_MAX = 1_000;
const SKEW_MS_NOTED = 250;

export function clockFindings(clocks: readonly ClockFacts[]): readonly Finding[] {
  const findings = new Findings("clocks");
  for (const { who, ahead_ms, took_ms } of clocks) {
    const off_ms = Math.max(0, Math.abs(ahead_ms) - took_ms / 2);
    const by = `${Math.round(Math.abs(ahead_ms))} ms ${ahead_ms < 0 ? "behind" : "ahead of"} this machine's`;
    findings.expect(
      "clock",
      off_ms <= SKEW_MS_NOTED,
      `${who}: its clock agrees`,
      off_ms > SKEW_MS_MAX ? "failure" : "warning",
      `${who}: its clock is ${by}: deadlines and limits are kept by the wrong time`,
      "Run chrony or systemd-timesyncd on every machine.",
    );
  }
  return findings.found;
}
