import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInvoice } from "../../../cli/reconcile/invoice.ts";

const HEAD = "date,model,requests,prompt_tokens,completion_tokens,cost_usd";

test("columns are found by name, and lines of one day and model are summed", () => {
  const text =
    "Model,note,Cost_USD,date,completion_tokens,prompt_tokens\nm,x,0.1,2026-11-21,2,1\nm,y,-0.000000001,2026-11-21,20,10\n";
  assert.deepEqual(parseInvoice(text, "f.csv"), [
    {
      date: "2026-11-21",
      model: "m",
      requests: undefined,
      prompt_tokens: 11,
      completion_tokens: 22,
      cost_nusd: 99_999_999,
    },
  ]);
});

const bad: readonly [string, RegExp][] = [
  ["date,model", /f\.csv:1: the column prompt_tokens, completion_tokens, cost_usd is missing/],
  ["", /f\.csv:1: the column date/],
  [`${HEAD}\n2026-02-30,m,1,1,1,1`, /f\.csv:2: date must be a day/],
  [`${HEAD}\n21.11.2026,m,1,1,1,1`, /f\.csv:2: date/],
  [`${HEAD}\n2026-11-21,,1,1,1,1`, /f\.csv:2: model is empty/],
  [`${HEAD}\n2026-11-21,m,1.5,1,1,1`, /f\.csv:2: requests must be a whole number, not "1.5"/],
  [`${HEAD}\n2026-11-21,m,1,1,-1,1`, /f\.csv:2: completion_tokens/],
  [`${HEAD}\n2026-11-21,m,1,1,1,$1`, /f\.csv:2: cost_usd must be US dollars/],
  [`${HEAD}\n2026-11-21,m,1,1,1,NaN`, /f\.csv:2: cost_usd/],
  [`${HEAD}\n2026-11-21,m,1,1,1,99999999`, /f\.csv:2: cost_usd/],
  [`${HEAD}\n2026-11-21,m,1,1`, /f\.csv:2: completion_tokens must be a whole number, not ""/],
  [`${HEAD}\n"2026-11-21,m,1,1,1,1`, /line 2: a quote/],
];
for (const [text, message] of bad) {
  test(`refused: ${JSON.stringify(text.split("\n").at(-1))}`, () => {
    assert.throws(() => parseInvoice(text, "f.csv"), message);
  });
}
