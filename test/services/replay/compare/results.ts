/** Results as comparisons meet them. */
import type { Result } from "../../../../libs/shared/events/flow.ts";

export type Made = {
  readonly id?: string;
  readonly text?: string;
  readonly status?: Result["status"];
  readonly tier?: string;
  readonly cost_usd?: number;
  readonly latency_ms?: number;
  readonly of?: string;
};

export function result({
  id = "r1",
  text,
  status,
  tier = "small",
  cost_usd = 0.001,
  latency_ms = 100,
  of,
}: Made): Result {
  const answered = status === undefined || status === "succeeded";
  return {
    id,
    tenant: "acme",
    status: status ?? "succeeded",
    ...(answered ? { response: { choices: [{ message: { content: text ?? "Oslo" } }] } } : {}),
    ...(answered ? {} : { error: { code: "model_unavailable", type: "api_error", message: "no model" } }),
    route: { tier, model: `${tier}-1`, reason: "", cache: "miss", attempts: 1 },
    usage: {
      prompt_tokens: 10,
      cached_prompt_tokens: 0,
      completion_tokens: 5,
      cost_usd,
      price_version: "1",
      estimated: false,
    },
    timing: { received: 1_000, dispatched: 1_100, completed: 1_100 + latency_ms },
    ...(of === undefined ? {} : { replay: { id: "rp_1", mode: "shadow", of } }),
  };
}
