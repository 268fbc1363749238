/**
 * Tiers: how long a decision takes without the embedding, and what fitted policies are worth on labelled prompts, by cross-validation. The
 * prompts are those of `../shared/data` beside the project, where it is there; SLUICE_BENCH_LABELLED names others: `<name>=<file>`, several
 * with commas between.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../../../cli/context.ts";
import { evaluateLabelled } from "../../../cli/tiers/evaluate.ts";
import { readRows } from "../../../cli/tiers/rows.ts";
import { routingSchema } from "../../../libs/shared/config/routing.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { factsOf } from "../../../libs/shared/routing/facts.ts";
import { NO_ROLLOUTS } from "../../../services/router/rollout/contract.ts";
import { chooseRoute, type RoutingQuestion } from "../../../services/router/route.ts";
import { routingTable } from "../../../services/router/table.ts";
import { percentiles } from "../../support/percentiles.ts";
import type { Figure } from "../../support/report.ts";
import type { Scenario } from "../scenario.ts";

const DECISIONS = 20_000;
const WARM_UP = 2_000;
/** What labelled sets of these names are to reach. */
const APGR_MIN: Readonly<Record<string, number>> = { gsm8k: 0.66, mmlu: 0.65 };
const DATA = join(ROOT, "..", "shared", "data");
const LABELLED = Object.keys(APGR_MIN).map((name) => ({ name, file: join(DATA, `routing-${name}.dev.jsonl.gz`) }));

const RULES = [
  "(?i)\\b(contract|clause|liability)\\b",
  "(?i)translate",
  "(?i)select .* from",
  "^/[a-z]+",
  "(?i)refund",
];

const TABLE = routingTable({
  tiers: { small: { kind: "chat", models: ["small-1"] }, large: { kind: "chat", models: ["large-1"] } },
  routing: routingSchema.parse({
    default_tier: "small",
    embeddings_tier: "small",
    rules: RULES.map((prompt_matches, at) => ({ name: `r${at}`, when: { prompt_matches }, tier: "large" })),
  }),
});

/** Of lengths as chats have them: most are short, one in fifty is a document. */
function questions(): RoutingQuestion[] {
  const sentence =
    "The quick brown fox explains, step by step, why 42 lazy dogs must not jump over at least 7 fences. ";
  return Array.from({ length: 200 }, (_, at) => {
    const chars = at % 50 === 0 ? 200_000 : 40 + at * 20;
    const content = sentence.repeat(Math.ceil(chars / sentence.length)).slice(0, chars);
    const body = {
      messages: [
        { role: "system", content: "Be helpful." },
        { role: "user", content },
      ],
    };
    const head: AdmittedHead = {
      ...{ id: `r${at}`, tenant: "demo", content_hash: "", kind: "chat", lane: "interactive", timing: {} },
    };
    const read = { facts: factsOf(body), body, request_bytes: content.length, vector: undefined };
    return { head, ...read, rollouts: NO_ROLLOUTS, sticky: "s" };
  });
}

export const tiers: Scenario = {
  name: "tiers",
  summary:
    "a decision without the embedding, rules included; APGR on labelled prompts (../shared/data, or SLUICE_BENCH_LABELLED)",
  seconds: 1,
  async run({ say, signal }) {
    const figures: Figure[] = [...decisions()];
    const named = process.env["SLUICE_BENCH_LABELLED"];
    for (const { name, file } of named === undefined ? LABELLED : labelledFiles(named)) {
      if (named === undefined && !(await isThere(file))) {
        say(`${name}: skipped, since ${file} is not there; SLUICE_BENCH_LABELLED=${name}=FILE names another`);
        continue;
      }
      say(`${name}: embedding and cross-validation`);
      figures.push(...(await worth(name, file, signal)));
    }
    return figures;
  },
};

function decisions(): Figure[] {
  const asked = questions();
  const times_ms: number[] = [];
  for (let at = 0; at < WARM_UP + DECISIONS; at += 1) {
    const question = asked[at % asked.length] as RoutingQuestion;
    const from_ms = performance.now();
    chooseRoute(question, TABLE);
    if (at >= WARM_UP) times_ms.push(performance.now() - from_ms);
  }
  const { p50, p99 } = percentiles(times_ms);
  return [
    { name: "decision, p50", value: p50, unit: "ms" },
    { name: "decision, p99", value: p99, unit: "ms", target: { at_most: 1 } },
  ];
}

async function worth(name: string, file: string, signal: AbortSignal): Promise<Figure[]> {
  const found = await evaluateLabelled(await readRows(file), { file }, { bar: false, signal, env: process.env });
  const least = APGR_MIN[name];
  const length = { name: "prompt length", value: found.baselines["prompt_length"] ?? 0 };
  return [
    {
      name: `${name}: APGR of ${found.prompts} prompts`,
      value: found.apgr,
      unit: "",
      ...(least === undefined ? {} : { target: { at_least: least } }),
      beside: length,
    },
    ...Object.entries(found.cpt).map(([gap, { strong_share }]) => ({
      name: `${name}: strong calls for ${gap} % of the gap`,
      value: strong_share * 100,
      unit: "%",
      beside: { name: "random", value: Number(gap) },
    })),
  ];
}

function labelledFiles(text: string): { readonly name: string; readonly file: string }[] {
  return text.split(",").flatMap((pair) => {
    const at = pair.indexOf("=");
    return at < 1 ? [] : [{ name: pair.slice(0, at), file: pair.slice(at + 1) }];
  });
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
