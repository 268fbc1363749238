/** Recompute with a budget for a third of it: it holds, the run stops within a record of it, and going on pays for nothing twice. */
import type { Figure } from "../../support/report.ts";
import { askedOnce } from "../requests.ts";
import type { Scenario } from "../stack.ts";

const RECORDS = 600;
const OUTPUT_TOKENS_MAX = 24;
const PART = 1 / 3;
const EXIT_BUDGET = 4;

export const budget: Scenario = {
  name: "budget",
  summary: `${RECORDS} recorded requests called again with a budget for a third of them, then with the rest`,
  seconds: 0,
  async run(bench) {
    const stack = await bench.start({
      sections: { cache: { exact: { enabled: false }, semantic: { enabled: false } } },
    });
    const requests = Array.from({ length: RECORDS }, (_, at) => askedOnce(`b${at}`, at, OUTPUT_TOKENS_MAX));
    await stack.produce(requests);
    const ids = requests.map(({ id }) => id);
    const originals = await stack.resultsOf(ids, bench.signal);
    const recorded_usd = ids.reduce((sum, id) => sum + (originals.get(id)?.usage?.cost_usd ?? 0), 0);
    const dearest_usd = Math.max(...ids.map((id) => originals.get(id)?.usage?.cost_usd ?? 0));
    const calls_before = (await stack.mock()).calls;
    const budget_usd = Number((recorded_usd * PART).toFixed(9));
    bench.say(`recorded ${recorded_usd.toFixed(6)} dollars; the budget is ${budget_usd.toFixed(6)}`);
    const part = await stack.sluice.replay(
      ["--mode", "recompute", "--budget-usd", String(budget_usd), "--yes"],
      [EXIT_BUDGET],
    );
    const { most_usd, selected } = part.preview;
    const spent_usd = part.totals.cost_usd;
    bench.say(`spent ${spent_usd.toFixed(6)} on ${part.totals.calls} calls; goes on with the rest`);
    const whole = await stack.sluice.replay(["resume", part.id, "--budget-usd", String(most_usd * 2)]);
    const counts = new Map<string, number>();
    for (const { id } of await stack.resultsOn(whole.topic)) counts.set(id, (counts.get(id) ?? 0) + 1);
    const once = ids.filter((id) => counts.get(id) === 1).length;
    const calls = (await stack.mock()).calls - calls_before;
    const record_most_usd = Math.max((2 * most_usd) / selected, 2 * dearest_usd);
    return [
      { name: "budget", value: budget_usd * 1e6, unit: "µ$" },
      { name: "spent of it", value: spent_usd * 1e6, unit: "µ$", target: { at_most: budget_usd * 1e6 } },
      {
        name: "left of it",
        value: (budget_usd - spent_usd) * 1e6,
        unit: "µ$",
        target: { at_most: record_most_usd * 1e6 },
      },
      ...exactly("calls of the model, in both runs", calls, RECORDS),
      ...exactly("records with exactly one Result", once, RECORDS),
    ];
  },
};

function exactly(name: string, value: number, wanted: number): Figure[] {
  return [
    { name, value, unit: "", target: { at_least: wanted } },
    { name: `${name}, too many`, value: Math.max(0, value - wanted), unit: "", target: { at_most: 0 } },
  ];
}
