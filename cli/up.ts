import { resolve } from "node:path";
import { Command } from "commander";
import { SluiceError } from "../libs/shared/errors.ts";
import { AUTOSCALED, parseAutoscale } from "../tools/stack/autoscale.ts";
import { BROKERS, type BrokerCount } from "../tools/stack/kafka.ts";
import { consoleProgress, jsonProgress } from "../tools/stack/progress.ts";
import { parseScale, type Scale } from "../tools/stack/services.ts";
import { type UpSteps, up } from "../tools/stack/up.ts";
import { ROOT, stateDir } from "./context.ts";
import { greet } from "./greet.ts";
import { EXIT_HELP } from "./output/terminal.ts";
import { prepare } from "./prepare.ts";
import { runSample } from "./sample.ts";

const EXAMPLES = `
Examples:
  sluice up
  sluice up --sample --exit
  sluice up --scale inference=2 --scale router=2
  sluice up --brokers 3
  sluice up --only parts --json
  sluice up --autoscale
  sluice up --autoscale=inference,router --json
  OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_API_KEY=none sluice up

A part whose address is in the environment (KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL, DATABASE_URL) is used, not started.

--autoscale runs the scaler and follows what it desires: it starts workers, and stops the newest by SIGTERM, so that they drain. Each
change is one line with its reason. Bounds, steps and cool-downs are settings (scaling in sluice.yaml; docs/autoscaling.md).
${EXIT_HELP}`;

type Flags = {
  readonly sample?: boolean;
  readonly exit?: boolean;
  readonly scale?: Scale;
  readonly autoscale?: string | true;
  readonly brokers: BrokerCount;
  readonly mock: boolean;
  readonly only?: string;
  readonly json?: boolean;
  readonly dir?: string;
};

export const upCommand = new Command("up")
  .description("start the parts, the mock model server and every service, and serve until Ctrl-C")
  .option("--sample", "run the sample job when everything is up")
  .option("--exit", "stop after the sample: exit code 0 when every request was answered, else 1")
  .option("--scale <service=count>", "run more instances of a service; may be repeated", parseScale)
  .option(
    "--autoscale [services]",
    `as many workers as the load needs, of: ${AUTOSCALED.join(", ")}; or of some of them`,
  )
  .option("--no-mock", "do not start the mock model server")
  .option("--brokers <count>", "how many Kafka brokers: 1, or 3 with three replicas of everything", parseBrokers, 1)
  .option("--only <what>", "start nothing but: parts")
  .option("--json", "one JSON object a line instead of text")
  .option("--dir <path>", "where data, logs and run.json go (default: SLUICE_DIR, else .sluice)")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags, command: Command) => {
    if (flags.only !== undefined && flags.only !== "parts") command.error("error: --only takes the value parts");
    if (flags.only !== undefined && flags.autoscale !== undefined)
      command.error("error: --only parts runs nothing to scale");
    process.exitCode = await up({
      root: ROOT,
      dir: flags.dir === undefined ? stateDir(process.env) : resolve(flags.dir),
      env: process.env,
      progress: flags.json ? jsonProgress(process.stdout) : consoleProgress(process.stdout),
      only_parts: flags.only === "parts",
      mock: flags.mock,
      scale: flags.scale ?? {},
      brokers: flags.brokers,
      sample: flags.sample ?? false,
      exit: flags.exit ?? false,
      autoscale: flags.autoscale === undefined ? [] : parseAutoscale(flags.autoscale),
      steps: stepsOf(flags),
    });
  });

function parseBrokers(text: string): BrokerCount {
  const count = BROKERS.find((known) => String(known) === text);
  if (count !== undefined) return count;
  throw new SluiceError("usage", `--brokers ${text} is not understood`, { fix: `Write ${BROKERS.join(" or ")}.` });
}

/** With a sample, its answers come first and what to try next stands at the end, where it is seen. */
function stepsOf({ sample, exit, json }: Flags): UpSteps {
  if (!sample) return { prepare, greet };
  return {
    prepare,
    async runSample(stack) {
      const answered = await runSample(stack, !json);
      if (!exit && !stack.signal.aborted) await greet(stack);
      return answered;
    },
  };
}
