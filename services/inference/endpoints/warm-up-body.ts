/** What is sent to warm an endpoint up, and what its answer means. Pure. */
import type { TierSettings } from "../../../libs/shared/config/inference.ts";
import type { ModelAnswer } from "../model-client.ts";

/** The name of the limit on output: newer models of OpenAI take only the first, many other servers only the second. */
export type OutputLimit = "max_completion_tokens" | "max_tokens";

export type WarmUpRequest = { readonly path: string; readonly body: Buffer };

/** Settings of the tier that say what to call. */
export type WarmUpTier = { readonly kind: TierSettings["kind"]; readonly models: readonly string[] };

/** A call of one token to the tier's first model. */
export function warmUpRequest(tier: WarmUpTier, limit: OutputLimit): WarmUpRequest {
  const model = tier.models[0];
  const [path, body] =
    tier.kind === "chat"
      ? ["/chat/completions", { model, messages: [{ role: "user", content: "ping" }], [limit]: 1 }]
      : ["/embeddings", { model, input: "ping" }];
  return { path, body: Buffer.from(JSON.stringify(body)) };
}

/**
 * @returns why the endpoint is not ready, undefined when it is. One that found fault with the call, or has too much to do, answered:
 * its connection is open and its model was asked. A refused key or an unknown model will not serve requests either.
 */
export function notReady(answer: ModelAnswer): string | undefined {
  if (answer.kind === "answered") {
    const { status } = answer;
    return status < 500 && ![401, 403, 404].includes(status) ? undefined : `HTTP ${status}`;
  }
  if (answer.kind === "too_large") return undefined;
  return "message" in answer ? answer.message : answer.kind;
}
