/** What other settings would have cost, beside what the same requests then cost with those settings on a fresh pipeline. */

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import type { Result } from "../../../libs/shared/events/flow.ts";
import type { WhatIfReport } from "../../../services/replay/what-if/report.ts";
import type { Figure } from "../../support/report.ts";
import { askedAgain } from "../requests.ts";
import type { Bench, ReplayStack, Scenario } from "../stack.ts";

const PER_S = 30;
/** Requests that come at once. */
const WAVE = 10;
const EMBEDDING_MS = 10_000;
const QUESTIONS = 100;
/** Of the cost. */
const OFF_PERCENT_MAX = 5;

type Sections = Readonly<Record<string, unknown>>;

/** What holds when the requests are recorded, and what is tried. */
const RECORDED: Sections = { cache: { exact: { enabled: true }, semantic: { enabled: false } } };
const TRIED: Readonly<Record<string, Sections>> = {
  "all to the small tier": {
    ...RECORDED,
    routing: { default_tier: "small", embeddings_tier: "embedding", complexity: { method: "none" } },
  },
  "no cache": { cache: { exact: { enabled: false }, semantic: { enabled: false }, coalesce: { enabled: false } } },
  "answers by meaning": {
    cache: {
      exact: { enabled: true },
      // A prediction knows no load: texts are embedded however busy the machine is, here too.
      semantic: {
        enabled: true,
        checks: { sample_ratio: 0 },
        embedding: { timeout_ms: EMBEDDING_MS, waiting_max: 1_000 },
      },
    },
  },
};

export const whatIf: Scenario = {
  name: "what-if",
  summary: `${PER_S} requests a second; what other settings would have cost, beside what they then do cost`,
  seconds: 20,
  async run(bench) {
    const recording = await bench.start({ sections: RECORDED });
    const ids = await ask(recording, bench);
    const reports = new Map<string, WhatIfReport>();
    for (const [name, sections] of Object.entries(TRIED)) reports.set(name, await predicted(recording, name, sections));
    await recording.stop();
    const figures: Figure[] = [];
    for (const [name, sections] of Object.entries(TRIED)) {
      bench.say(`runs the same requests: ${name}`);
      const stack = await bench.start({ sections });
      await ask(stack, bench);
      const seen = await stack.resultsOf(ids, bench.signal);
      figures.push(...beside(name, reports.get(name) as WhatIfReport, [...seen.values()]));
      await stack.stop();
    }
    return figures;
  },
};

/** The same ones in the same order, at the same pace. */
async function ask(stack: ReplayStack, { seconds, signal }: Bench): Promise<readonly string[]> {
  const requests = Array.from({ length: seconds * PER_S }, (_, at) => askedAgain(`w${at}`, at, QUESTIONS));
  for (let at = 0; at < requests.length; at += WAVE) {
    await stack.produce(requests.slice(at, at + WAVE));
    await sleep((WAVE / PER_S) * 1_000, undefined, { signal });
  }
  const ids = requests.map(({ id }) => id);
  await stack.resultsOf(ids, signal);
  return ids;
}

async function predicted(stack: ReplayStack, name: string, sections: Sections): Promise<WhatIfReport> {
  const file = `${stack.settings_file}.${name.replaceAll(" ", "-")}.yaml`;
  writeFileSync(file, stringify({ ...parse(readFileSync(stack.settings_file, "utf8")), ...sections }));
  const { comparison } = await stack.sluice.replay(["--mode", "what-if", "--settings", file, "--yes"]);
  return (comparison as { readonly what_if: WhatIfReport }).what_if;
}

function beside(name: string, { after }: WhatIfReport, seen: readonly Result[]): Figure[] {
  const cost = seen.reduce((sum, { usage }) => sum + (usage?.cost_usd ?? 0), 0) * 1e6;
  const expected = after.cost_nusd / 1e3;
  const called = seen.filter(({ route }) => route?.cache === "miss" || route?.cache === "bypass");
  const hits = after.hits.exact + after.hits.semantic + after.hits.coalesced;
  const tiers = new Set([...Object.keys(after.by_tier), ...called.map(({ route }) => route?.tier ?? "none")]);
  return [
    { name: `${name}: cost predicted`, value: expected, unit: "µ$", beside: { name: "seen", value: cost } },
    {
      name: `${name}: off by`,
      value: Math.abs(expected / cost - 1) * 100,
      unit: "%",
      target: { at_most: OFF_PERCENT_MAX },
    },
    {
      name: `${name}: answered by the cache, predicted`,
      value: hits,
      unit: "",
      beside: { name: "seen", value: seen.length - called.length },
    },
    {
      name: `${name}: by meaning, predicted`,
      value: after.hits.semantic,
      unit: "",
      beside: { name: "seen", value: seen.filter(({ route }) => route?.cache === "semantic").length },
    },
    ...[...tiers].map((tier) => ({
      ...{ name: `${name}: called of ${tier}, predicted`, value: after.by_tier[tier]?.requests ?? 0, unit: "" },
      beside: { name: "seen", value: called.filter(({ route }) => route?.tier === tier).length },
    })),
  ];
}
