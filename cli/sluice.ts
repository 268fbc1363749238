#!/usr/bin/env node
/** The command line: one file a verb, each exported as a commander command. */
import { Command } from "commander";
import { describe, SluiceError } from "../libs/shared/errors.ts";
import { upCommand } from "./up.ts";

const program = new Command("sluice")
  .description("An event-streaming pipeline for LLM inference on Kafka.")
  .addCommand(upCommand)
  .showHelpAfterError("(add --help for the options and examples)");

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`sluice: ${describe(error)}\n`);
  if (!(error instanceof SluiceError)) process.stderr.write(`${(error as Error).stack}\n`);
  process.exit(1);
}
