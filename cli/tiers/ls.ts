/** `sluice tiers ls`: the tiers as routing sees them. */
import { Command } from "commander";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { choosable } from "../../libs/shared/routing/choice.ts";
import { COMPLEXITY_THRESHOLD } from "../../libs/shared/routing/complexity.ts";
import { ladderOf } from "../../libs/shared/routing/ladder.ts";
import { loadPolicy } from "../../libs/shared/routing/policy-file.ts";
import { formatTable } from "../output/format.ts";
import { EXIT_HELP, print } from "../output/terminal.ts";
import { readSettings } from "./settings.ts";

const HELP = `
Reads the settings (SLUICE_SETTINGS, else sluice.yaml); nothing needs to run. Rollouts are shown by \`sluice rollout\`.

Examples:
  sluice tiers ls
  sluice tiers ls --json
${EXIT_HELP}`;

export const listCommand = new Command("ls")
  .description("list the tiers, the ladder, prices and the policy in force")
  .option("--json", "one JSON object: tiers, ladder, choosable, default_tier, complexity, rules")
  .addHelpText("after", HELP)
  .action(async (flags: { readonly json?: boolean }) => {
    const listing = await listingOf(await readSettings(process.env));
    await print(flags.json ? `${JSON.stringify(listing)}\n` : listingText(listing));
  });

type Listing = {
  readonly tiers: readonly {
    readonly tier: string;
    readonly kind: string;
    /** On the ladder, from 1 for the weakest. */
    readonly step?: number;
    readonly models: readonly {
      readonly model: string;
      readonly input_usd_per_mtok?: number;
      readonly output_usd_per_mtok?: number;
    }[];
    readonly prompt?: string;
  }[];
  readonly ladder: readonly string[];
  /** What may be chosen for a request that leaves its tier to us. */
  readonly choosable: readonly string[];
  readonly default_tier: string;
  readonly complexity: {
    readonly method: string;
    readonly threshold?: number;
    readonly policy_file?: string;
    /** Why the policy cannot be used. */
    readonly problem?: string;
    readonly policy?: { readonly weak: string; readonly strong: string; readonly embedding_model: string };
  };
  readonly rules: readonly { readonly name: string; readonly tier: string }[];
};

async function listingOf(settings: Settings): Promise<Listing> {
  const { routing, tiers, prices } = settings;
  const ladder = ladderOf(settings, "chat");
  return {
    tiers: Object.entries(tiers).map(([tier, { kind, models, prompt }]) => ({
      tier,
      kind,
      ...(ladder.includes(tier) ? { step: ladder.indexOf(tier) + 1 } : {}),
      models: models.map((model) => {
        const price = Object.hasOwn(prices.models, model) ? prices.models[model] : undefined;
        if (price === undefined) return { model };
        return { model, input_usd_per_mtok: price.input_usd_per_mtok, output_usd_per_mtok: price.output_usd_per_mtok };
      }),
      ...(prompt === undefined ? {} : { prompt }),
    })),
    ladder,
    choosable: choosable(settings),
    default_tier: routing.default_tier,
    complexity: await complexityOf(settings),
    rules: routing.rules.map(({ name, tier }) => ({ name, tier })),
  };
}

async function complexityOf({ routing }: Settings): Promise<Listing["complexity"]> {
  const { method, threshold, policy_file } = routing.complexity;
  if (method === "none") return { method };
  if (method === "heuristic") return { method, threshold: threshold ?? COMPLEXITY_THRESHOLD };
  if (policy_file === undefined) return { method, problem: "no policy_file is set" };
  try {
    const { weak, strong, embedding_model, threshold: own } = await loadPolicy(policy_file);
    return { method, policy_file, threshold: threshold ?? own, policy: { weak, strong, embedding_model } };
  } catch (error) {
    return { method, policy_file, problem: (error as Error).message };
  }
}

function listingText({ tiers, ladder, default_tier, complexity, rules }: Listing): string {
  const rows = tiers.flatMap(({ tier, kind, step, models, prompt }) =>
    models.map(({ model, input_usd_per_mtok, output_usd_per_mtok }, at) => [
      at === 0 ? tier : "",
      at === 0 ? kind : "",
      at === 0 && step !== undefined ? String(step) : "",
      model,
      usd(input_usd_per_mtok),
      usd(output_usd_per_mtok),
      at === 0 ? (prompt ?? "-") : "",
    ]),
  );
  const head = ["tier", "kind", "step", "models", "$/M in", "$/M out", "prompt"];
  const { method, threshold, policy_file, policy, problem } = complexity;
  const by = [
    `complexity: ${method}`,
    ...(threshold === undefined ? [] : [`stronger from ${threshold} on`]),
    ...(policy_file === undefined ? [] : [policy_file]),
    ...(policy === undefined ? [] : [`${policy.weak} or ${policy.strong} by ${policy.embedding_model}`]),
    ...(problem === undefined ? [] : [`not used: ${problem}; the heuristic decides`]),
  ].join(", ");
  const named = rules.map(({ name, tier }) => `${name} → ${tier}`).join(", ");
  return `${formatTable(head, rows, [2, 4, 5])}\n\nladder ${ladder.join(" → ")}; default ${default_tier}\n${by}\nrules: ${named || "none"}\n`;
}

function usd(amount: number | undefined): string {
  return amount === undefined ? "-" : String(amount);
}
