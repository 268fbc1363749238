/** Runs the scenarios of a benchmark, one after the other, and prints what they give. */
import { listenForInterrupts } from "../../tools/stack/interrupts.ts";
import { type Figure, met, render, type ScenarioReport } from "./report.ts";

/** What a scenario works with. */
export type Bench<Options, Stack> = {
  /** Length of the measured part. */
  readonly seconds: number;
  /** Aborted when the run is interrupted, before what was started is stopped. */
  readonly signal: AbortSignal;
  /** Starts what the scenario runs on; it is stopped when the scenario is over, whatever became of it. */
  start(options: Options): Promise<Stack>;
  /** One line for a person who waits. */
  say(line: string): void;
};

export type Scenario<Options, Stack> = {
  readonly name: string;
  /** For `--help`. */
  readonly summary: string;
  readonly seconds: number;
  run(bench: Bench<Options, Stack>): Promise<readonly Figure[]>;
};

type Run<Options, Stack> = {
  /** Of all; default: each scenario's own. */
  readonly seconds?: number | undefined;
  /** JSON instead of tables. */
  readonly json?: boolean | undefined;
  start(scenario: string, options: Options, signal: AbortSignal): Promise<Stack>;
};

const INTERRUPTED_CODE = 130;

/** @returns the exit code: 0 when every target is met, 1 when one is missed, 130 when it was interrupted. */
export async function runScenarios<Options, Stack extends { stop(): Promise<void> }>(
  scenarios: readonly Scenario<Options, Stack>[],
  run: Run<Options, Stack>,
): Promise<number> {
  const interrupts = listenForInterrupts(() => process.exit(INTERRUPTED_CODE));
  const interrupted = interrupts.first.then(() => undefined);
  const reports: ScenarioReport[] = [];
  for (const scenario of scenarios) {
    const report = await runScenario(scenario, run, { signal: interrupts.signal, interrupted });
    if (report === undefined) break;
    reports.push(report);
    if (!run.json) console.log(render(report));
  }
  if (run.json) console.log(JSON.stringify(reports.map(withVerdicts), null, 2));
  if (interrupts.signal.aborted) return INTERRUPTED_CODE;
  return reports.some(({ figures }) => figures.some((figure) => met(figure) === false)) ? 1 : 0;
}

/** @returns undefined when it was interrupted. */
async function runScenario<Options, Stack extends { stop(): Promise<void> }>(
  scenario: Scenario<Options, Stack>,
  { seconds, start }: Run<Options, Stack>,
  { signal, interrupted }: { readonly signal: AbortSignal; readonly interrupted: Promise<undefined> },
): Promise<ScenarioReport | undefined> {
  let starting: Promise<Stack> | undefined;
  const run = scenario.run({
    seconds: seconds ?? scenario.seconds,
    signal,
    start(options) {
      starting = start(scenario.name, options, signal);
      return starting;
    },
    say: (line) => console.error(`${scenario.name}: ${line}`),
  });
  try {
    const figures = await Promise.race([run, interrupted]);
    return figures === undefined ? undefined : { scenario: scenario.name, figures };
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    // What goes on in an interrupted scenario fails with its stack, and nobody asks any more.
    run.catch(() => undefined);
    const stack = await starting?.catch(() => undefined);
    await stack?.stop();
  }
}

function withVerdicts({ scenario, figures }: ScenarioReport) {
  return { scenario, figures: figures.map((figure) => ({ ...figure, met: met(figure) })) };
}
