/** `sluice cache stats`: what the cache holds, summed up. */
import { Command } from "commander";
import { statsOf } from "../../libs/shared/cache/stats-of.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { openContext } from "../context.ts";
import { EXIT_HELP, print } from "../output/terminal.ts";
import { withCache } from "./follow.ts";
import { statsTable } from "./table.ts";

const EXAMPLES = `
How often the cache answers is a metric of the router: sluice_cache_total{outcome}.

Examples:
  sluice cache stats
  sluice cache stats --json | jq .ages
${EXIT_HELP}`;

export const statsCommand = new Command("stats")
  .description("sum up the entries by tenant, kind, age and size")
  .option("--json", "one JSON object: total, tenants, ages, embedding_models")
  .addHelpText("after", EXAMPLES)
  .action(async ({ json }: { readonly json?: boolean }) => {
    const context = await openContext(process.env);
    const now_ms = systemClock.now_ms();
    const entries = await withCache(context, { bar: json !== true }, async (view) => view.entries());
    const stats = statsOf(entries, now_ms);
    if (json) return print(`${JSON.stringify(stats)}\n`);
    const { ages, embedding_models } = stats;
    const models = Object.entries(embedding_models).map(([model, count]) => `${model} ${count}`);
    const lines = [
      statsTable(stats, now_ms),
      `by age: ${ages.under_1h} under an hour, ${ages.under_1d} under a day, ${ages.under_7d} under 7 days, ${ages.older} older`,
      `embedded by: ${models.length === 0 ? "none" : models.join(", ")} (now: ${context.settings.cache.semantic.embedding.model})`,
    ];
    await print(`${lines.join("\n")}\n`);
  });
