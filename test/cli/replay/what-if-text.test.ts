import assert from "node:assert/strict";
import { test } from "node:test";
import { whatIfOf, whatIfText } from "../../../cli/replay/what-if-text.ts";
import type { WhatIfReport, WhatIfSide } from "../../../services/replay/what-if/report.ts";

const BEFORE: WhatIfSide = {
  ...{ requests: 10, by_status: { succeeded: 10 }, refused: {}, hits: { exact: 2, semantic: 0, coalesced: 1 } },
  ...{ by_tier: { large: { requests: 7, cost_nusd: 7_000_000 } }, cost_nusd: 7_000_000 },
  ...{ prompt_tokens: 100, completion_tokens: 200, latency_ms: { p50: 900, p95: 2_000 } },
};
const REPORT: WhatIfReport = {
  ...{ settings: "tried.yaml", by_meaning: "on", records: 10, unreadable: 0, repeated: 0 },
  before: BEFORE,
  after: {
    ...{ ...BEFORE, by_status: { succeeded: 9, rejected: 1 }, refused: { budget_exceeded: 1 }, cost_nusd: 1_000_000 },
    ...{ by_tier: { small: { requests: 4, cost_nusd: 1_000_000 } }, latency_ms: {} },
    hits: { exact: 2, semantic: 3, coalesced: 0 },
  },
  tenants: [],
  budgets: [{ tenant: "demo", scope: "day", window: "2026-11-22", cap_nusd: 1_000_000, times: 1, first_ms: 0 }],
  ...{ deferred: 2, given_up: 1, moves: { tier: {}, cache: {}, status: {} }, estimated: { requests: 4, share: 0.4 } },
};

test("what was recorded stands beside what would have been", () => {
  const text = whatIfText(REPORT);
  for (const line of [
    /succeeded +10 +9\n/,
    /budget_exceeded +0 +1\n/,
    /by meaning +0 +3\n/,
    /called: large +7, \$0\.007 +0, \$0\.00\n/,
    /called: small +0, \$0\.00 +4, \$0\.001\n/,
    /\ncost +\$0\.007 +\$0\.001\n/,
    /latency p50 +900 ms +-\n/,
    /4 results are partly guessed/,
    /2 would have waited/,
    /demo would have met its day budget of \$0\.001 \(2026-11-22\), 1 times/,
  ]) {
    assert.match(text, line);
  }
  assert.doesNotMatch(text, /NOT PREDICTED/);
});

test("that answers by meaning are not predicted stands out", () => {
  assert.match(whatIfText({ ...REPORT, by_meaning: "unavailable" }), /NOT PREDICTED.*\n.*SLUICE_EMBEDDING_MODEL_DIR/);
});

test("only a what-if has such a report", () => {
  assert.equal(whatIfOf({ what_if: REPORT }), REPORT);
  for (const other of [undefined, null, {}, { summary: {} }]) assert.equal(whatIfOf(other), undefined);
});
