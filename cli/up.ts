import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { consoleProgress, jsonProgress } from "../tools/stack/progress.ts";
import { parseScale, type Scale } from "../tools/stack/services.ts";
import { type UpSteps, up } from "../tools/stack/up.ts";
import { prepare } from "./prepare.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const STEPS: UpSteps = { prepare };

type Flags = {
  readonly sample?: boolean;
  readonly exit?: boolean;
  readonly scale?: Scale;
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
  .option("--no-mock", "do not start the mock model server")
  .option("--only <what>", "start nothing but: parts")
  .option("--json", "one JSON object a line instead of text")
  .option("--dir <path>", "where data, logs and run.json go (default: .sluice)")
  .action(async (flags: Flags, command: Command) => {
    if (flags.only !== undefined && flags.only !== "parts") command.error("error: --only takes the value parts");
    process.exitCode = await up({
      root: ROOT,
      ...(flags.dir === undefined ? {} : { dir: resolve(flags.dir) }),
      env: process.env,
      progress: flags.json ? jsonProgress(process.stdout) : consoleProgress(process.stdout),
      only_parts: flags.only === "parts",
      mock: flags.mock,
      scale: flags.scale ?? {},
      sample: flags.sample ?? false,
      exit: flags.exit ?? false,
      steps: STEPS,
    });
  });
