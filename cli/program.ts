/** The command line: one file a verb, each exported as a commander command. */
import { Command, CommanderError } from "commander";
import { adviseCommand } from "./advise.ts";
import { appealCommand } from "./appeal.ts";
import { budgetCommand } from "./budget.ts";
import { cacheCommand } from "./cache.ts";
import { checkCommand } from "./check.ts";
import { costCommand } from "./cost.ts";
import { dlqCommand } from "./dlq.ts";
import { explainCommand } from "./explain.ts";
import { keysCommand } from "./keys.ts";
import { loadCommand } from "./load.ts";
import { EXIT, exitCodeOf, formatError } from "./output/terminal.ts";
import { rebuildCommand } from "./rebuild.ts";
import { reconcileCommand } from "./reconcile.ts";
import { replayCommand } from "./replay.ts";
import { rolloutCommand } from "./rollout.ts";
import { sendCommand } from "./send.ts";
import { tailCommand } from "./tail.ts";
import { tenantsCommand } from "./tenants.ts";
import { tiersCommand } from "./tiers.ts";
import { topicsCommand } from "./topics.ts";
import { upCommand } from "./up.ts";

const VERBS = [
  upCommand,
  sendCommand,
  appealCommand,
  explainCommand,
  tailCommand,
  topicsCommand,
  keysCommand,
  cacheCommand,
  checkCommand,
  costCommand,
  dlqCommand,
  tenantsCommand,
  budgetCommand,
  rebuildCommand,
  reconcileCommand,
  replayCommand,
  rolloutCommand,
  adviseCommand,
  tiersCommand,
  loadCommand,
];

const program = new Command("sluice")
  .description("An event-streaming pipeline for LLM inference on Kafka.")
  // A flag belongs to the verb that it stands behind, also where the verb above has one of that name.
  .enablePositionalOptions();
for (const verb of VERBS) program.addCommand(verb);
prepare(program);

/** Wrong usage has an exit code of its own, in every command. */
function prepare(command: Command): void {
  command.exitOverride().showHelpAfterError("(add --help for the options and examples)");
  for (const each of command.commands) prepare(each);
}

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; help that was asked for is no error.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else {
    process.stderr.write(formatError(error, process.argv.includes("--json")));
    process.exitCode = exitCodeOf(error);
  }
}
// The work is done and printed. kafkajs may leave a connection behind when one is being made while its client disconnects, and that
// would keep a finished command from ending.
await new Promise((resolve) => process.stdout.write("", resolve));
process.exit();
