/** `sluice appeal`: an answer was not good enough; the next stronger tier is asked. */
import { Command } from "commander";
import { type Appeal, appealDeps, appealOf } from "../libs/shared/appeals/appeals.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { BatchingProducer } from "../libs/shared/kafka/producer.ts";
import { connectPostgres } from "../libs/shared/postgres/client.ts";
import { type CliContext, openContext } from "./context.ts";
import { EXIT_HELP, print } from "./output/terminal.ts";
import { prepareToWrite, requestRecord } from "./requests/records.ts";

const EXAMPLES = `
An appeal is a request of its own, <id>.appeal, of the next tier above the one that answered and past the cache; it counts against the
tenant's budgets. The same appeal twice is the same request. Also over HTTP: POST /v1/requests/<id>/appeal

Examples:
  sluice appeal req_0f3c --tenant demo
  sluice appeal req_0f3c --tenant demo --json | jq -r .id
${EXIT_HELP}`;

type Flags = { readonly tenant: string; readonly json?: boolean };

type Made = Extract<Appeal, { kind: "appeal" }>;

export const appealCommand = new Command("appeal")
  .description("ask a stronger tier what a request was answered by a weaker one")
  .argument("<id>", "the request's id")
  .requiredOption("--tenant <name>", "whose request it is")
  .option("--json", "one JSON object: id, appeal_of, tenant, tier")
  .addHelpText("after", EXAMPLES)
  .action(async (id: string, { tenant, json }: Flags) => {
    const context = await openContext(process.env);
    const { request, tier } = await made(context, tenant, id);
    await send(context, request);
    const told = { id: request.id, appeal_of: id, tenant, tier };
    await print(json ? `${JSON.stringify(told)}\n` : `${request.id} asks tier ${tier}\n`);
  });

async function made(context: CliContext, tenant: string, id: string): Promise<Made> {
  const { environment, log } = context;
  const pool = connectPostgres(environment.database_url, "cli", 1, log);
  try {
    const appeal = await appealOf(appealDeps(context, pool), tenant, id);
    if (appeal.kind === "appeal") return appeal;
    if (appeal.kind === "refused") throw new SluiceError("usage", appeal.message);
    throw new SluiceError("usage", `tenant ${tenant} has no result of a request "${id}"`, {
      fix: "`npx sluice tail results --tenant` lists results with their ids.",
    });
  } finally {
    await pool.end();
  }
}

async function send(context: CliContext, request: Made["request"]): Promise<void> {
  const producer = new BatchingProducer(context.kafka, context.settings.producer);
  await Promise.all([producer.connect(), prepareToWrite(context)]);
  try {
    await producer.publish([requestRecord(context, request)]);
  } finally {
    await producer.close();
  }
}
