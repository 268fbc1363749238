/** Runs a scenario from its start to its record. */
import { randomBytes } from "node:crypto";
import type { Env } from "../context.ts";
import { createBar } from "../output/bar.ts";
import { formatMs } from "../output/format.ts";
import { type Stop, say } from "../output/terminal.ts";
import { preciseNow_ms } from "./door.ts";
import type { ScenarioFile } from "./files.ts";
import { durationOf, piecesOf } from "./phases.ts";
import { figuresOf, type RunRecord } from "./record.ts";
import type { Counts, Recorded } from "./recorder.ts";
import { doorOf, type Scenario } from "./scenario.ts";
import { openShare, type Share } from "./share.ts";
import { stepLength } from "./steps.ts";
import type { Target } from "./target.ts";
import { machine, sha256, versionsOf } from "./versions.ts";
import { openWorkers } from "./workers.ts";

export type RunOptions = {
  readonly file: ScenarioFile;
  /** As it is to be run. */
  readonly scenario: Scenario;
  readonly target: Target;
  readonly workers: number;
  readonly stop: Stop;
  /** Show a bar, or lines where there is no terminal. */
  readonly live: boolean;
  readonly env: Env;
};

/** All workers have heard by then. */
const LEAD_MS = 500;
/** Lines where there is no terminal. */
const LINES = 10;

export async function runScenario({ file, scenario, target, workers, stop, live }: RunOptions): Promise<RunRecord> {
  const run = `load-${Date.now().toString(36)}${randomBytes(2).toString("hex")}`;
  const planned_ms = durationOf(piecesOf(scenario.phases));
  const { gateway_url, keys, is_mock, context, control } = target;
  const job = { run, scenario, gateway_url, keys, is_mock };
  const versions = await versionsOf(context.settings, context.environment.settings_file);
  const share =
    workers === 1
      ? await openShare({ ...job, share: { index: 0, of: 1 } })
      : await openWorkers(job, workers, planned_ms);
  try {
    const start_ms = preciseNow_ms() + LEAD_MS;
    control?.schedule(scenario.faults, LEAD_MS);
    const recorded = await watched(share, { start_ms, planned_ms, stop, live, name: file.name });
    return {
      format: 1,
      run,
      scenario: { name: file.name, text: file.text, sha256: sha256(file.text), as_run: scenario },
      started_ms: Math.round(start_ms),
      planned_ms,
      took_ms: Math.round(preciseNow_ms() - start_ms),
      was_stopped: stop.signal.aborted,
      workers,
      target: { gateway: gateway_url, kafka: target.brokers, is_mock },
      fault_problems: control?.problems ?? 0,
      versions,
      machine: machine(),
      step_ms: stepLength(planned_ms),
      recorded,
      figures: figuresOf(recorded).percentiles(),
    };
  } finally {
    await Promise.all([share.close(), control?.restore()]);
  }
}

type Watch = {
  readonly start_ms: number;
  readonly planned_ms: number;
  readonly stop: Stop;
  readonly live: boolean;
  readonly name: string;
};

async function watched(share: Share, { start_ms, planned_ms, stop, live, name }: Watch): Promise<Recorded> {
  const bar = createBar(name, Math.ceil(planned_ms / 1_000), live);
  const has_bar = live && process.stderr.isTTY === true;
  const end = (): void => share.stop();
  stop.signal.addEventListener("abort", end, { once: true });
  let told = 0;
  let before: { readonly sent: number; readonly at_ms: number } = { sent: 0, at_ms: start_ms };
  const tell = (counts: Counts): void => {
    const at_ms = preciseNow_ms();
    const rate = Math.max(0, ((counts.sent - before.sent) * 1_000) / Math.max(1, at_ms - before.at_ms));
    before = { sent: counts.sent, at_ms };
    const done_ms = Math.min(planned_ms, Math.max(0, at_ms - start_ms));
    const note = noteOf(counts, rate, planned_ms - done_ms);
    bar.update(Math.floor(done_ms / 1_000), Math.ceil(planned_ms / 1_000), note);
    const step = Math.floor((LINES * done_ms) / planned_ms);
    if (!live || has_bar || step <= told) return;
    told = step;
    say(`${name}: ${Math.round((100 * done_ms) / planned_ms)} %, ${note}`);
  };
  try {
    return await share.run(start_ms, tell);
  } finally {
    bar.stop();
    stop.signal.removeEventListener("abort", end);
  }
}

function noteOf(
  { sent, answered, failed, timed_out, not_sent, interrupted }: Counts,
  rate: number,
  left_ms: number,
): string {
  const open = sent - answered - failed - timed_out - interrupted;
  return [
    `${rate.toFixed(0)}/s`,
    `${open} open`,
    `${failed + timed_out} errors`,
    ...(not_sent > 0 ? [`${not_sent} not sent`] : []),
    left_ms > 0 ? `${formatMs(left_ms)} left` : "waiting for the last answers",
  ].join(", ");
}

/** For people: how requests go in. */
export function doorsText(scenario: Scenario): string[] {
  const titles = { topic: "the topic", http: "HTTP", "http-stream": "HTTP streams" } as const;
  return [...new Set(scenario.templates.map((template) => titles[doorOf(scenario, template)]))];
}
