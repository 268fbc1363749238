/** `sluice cache report`: an answer from the cache was wrong. */
import { Command } from "commander";
import { systemClock } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { type WrongHit, wrongHit } from "../../libs/shared/events/wrong-hits.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import { findResult } from "../../libs/shared/postgres/results.ts";
import { type CliContext, openContext, registerSchemas } from "../context.ts";
import { EXIT_HELP, print } from "../output/terminal.ts";

const EXAMPLES = `
The entry that answered goes from every router, and where it was found by meaning the tenant's threshold learns from it: from two wrong
answers on, more than may be wrong raise it. Also over HTTP: POST /v1/requests/<id>/report {"wrong_cache_hit": true}

Examples:
  sluice cache report req_0f3c --tenant demo
  sluice cache report req_0f3c --tenant demo --json
${EXIT_HELP}`;

type Flags = { readonly tenant: string; readonly json?: boolean };

/** `sluice cache report ID --tenant T`. */
export function reportCommand(): Command {
  return new Command("report")
    .description("say that a request was answered wrongly from the cache: the entry goes, the threshold learns")
    .argument("<id>", "the request's id")
    .requiredOption("--tenant <name>", "whose request it is")
    .option("--json", "one JSON object: id, tenant, cache_entry, threshold_learns")
    .addHelpText("after", EXAMPLES)
    .action(async (id: string, { tenant, json }: Flags) => {
      const context = await openContext(process.env);
      await registerSchemas(context);
      const hit = await reported(context, tenant, id);
      const learns = hit.teaches ? "; the threshold learns from it" : "";
      const told = { id, tenant, cache_entry: hit.entry_id, threshold_learns: hit.teaches };
      await print(json ? `${JSON.stringify(told)}\n` : `the entry ${hit.entry_id} goes${learns}\n`);
    });
}

async function reported(context: CliContext, tenant: string, id: string): Promise<WrongHit> {
  const { codec, names, kafka, settings } = context;
  const result = await resultOf(context, tenant, id);
  if (result === undefined) {
    throw new SluiceError("usage", `tenant ${tenant} has no result of a request "${id}"`, {
      fix: "`npx sluice tail results --tenant` lists results with their ids.",
    });
  }
  const hit = wrongHit({ codec, names }, result, { at_ms: systemClock.now_ms(), by: "sluice cache report" });
  if (hit === undefined) {
    throw new SluiceError(
      "usage",
      `the answer to ${id} did not come from the cache (${result.route?.cache ?? "no route"})`,
    );
  }
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish(hit.records);
  } finally {
    await producer.close();
  }
  return hit;
}

async function resultOf({ environment, log }: CliContext, tenant: string, id: string): Promise<Result | undefined> {
  const pool = connectPostgres(environment.database_url, "cli", 1, log);
  try {
    const found = await findResult(pool, tenant, id);
    return found === undefined ? undefined : (JSON.parse(found.result) as Result);
  } finally {
    await pool.end();
  }
}
