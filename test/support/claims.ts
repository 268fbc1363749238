/** Claims on results, as tests of the tables make them. */
import type { Claim, ResultRow } from "../../services/results/claims.ts";

export const resultRow: ResultRow = {
  status: "succeeded",
  tier: "small",
  model: "m",
  cache: "miss",
  error_code: null,
  prompt_tokens: 10,
  completion_tokens: 2,
  cost_nusd: 1_000,
  received_ms: 1_000,
  completed_ms: 2_000,
  result: "{}",
  origin: null,
  user: null,
  kind: "chat",
  job: null,
  trail: null,
};

export function claimOf(id: string, offset: number, row: Partial<ResultRow> = {}, tenant = "demo"): Claim {
  return {
    tenant,
    id,
    content_hash: `hash of ${id}`,
    place: { topic: "llm.outcomes", partition: 0, offset },
    row: { ...resultRow, result: JSON.stringify({ id }), ...row },
  };
}
