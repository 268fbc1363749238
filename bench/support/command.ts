/** The command line that benchmarks of several scenarios share. */
import { Argument, Command, InvalidArgumentError } from "commander";
import { runScenarios, type Scenario } from "./scenarios.ts";

export type BenchCommand = {
  /** As npm calls it. */
  readonly name: string;
  readonly description: string;
  readonly scenarios: readonly string[];
  /** What `--seconds` means here. */
  readonly seconds: string;
  readonly help: string;
};

/** To be parsed by the caller, who may add options. */
export function benchCommand({ name, description, scenarios, seconds, help }: BenchCommand): Command {
  const scenario = new Argument("[scenario]", "one of them; default: all, one after the other");
  return new Command(name)
    .description(description)
    .addArgument(scenario.choices(scenarios))
    .option("--seconds <n>", seconds, positive)
    .option("--json", "print the figures as JSON instead of tables")
    .addHelpText("after", help);
}

/** A benchmark that is nothing but its scenarios: reads the command line, runs those wanted, ends the process. */
export async function benchMain<Options, Stack extends { stop(): Promise<void> }>(
  of: Omit<BenchCommand, "scenarios">,
  scenarios: readonly Scenario<Options, Stack>[],
  start: (scenario: string, options: Options, signal: AbortSignal) => Promise<Stack>,
): Promise<never> {
  const command = benchCommand({ ...of, scenarios: scenarios.map(({ name }) => name) }).parse();
  const flags = command.opts<{ seconds?: number; json?: boolean }>();
  const wanted = command.args[0];
  const chosen = scenarios.filter(({ name }) => wanted === undefined || name === wanted);
  process.exit(await runScenarios(chosen, { ...flags, start }));
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a number from 1.");
}
