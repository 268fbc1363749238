/** What is sent to the model and what its answer means. Pure. */
import type { ResultError, Usage } from "../../libs/shared/events/fields.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import { cost_nusd, type Price, usdOf } from "../../libs/shared/money.ts";
import type { ModelAnswer } from "./model-client.ts";

export type PriceList = { readonly version: string; readonly priceOf: (model: string) => Price };

/** The provider's path for a kind of request, below its base URL. */
export function pathFor(kind: JobHead["kind"]): string {
  return kind === "chat" ? "/chat/completions" : "/embeddings";
}

/** The call's body: the request's own, with the routed model, whole (not streamed), and its output bounded. */
export function callBody(job: JobHead, request: Buffer): Buffer {
  const { body } = JSON.parse(request.toString()) as { body: Record<string, unknown> };
  const call: Record<string, unknown> = { ...body, model: job.route.model };
  delete call["stream"];
  delete call["stream_options"];
  if (job.kind === "chat" && job.max_output_tokens !== undefined) {
    const field = "max_tokens" in body ? "max_tokens" : "max_completion_tokens";
    const asked = body[field];
    call[field] = typeof asked === "number" ? Math.min(asked, job.max_output_tokens) : job.max_output_tokens;
  }
  return Buffer.from(JSON.stringify(call));
}

export type Verdict =
  | { readonly kind: "succeeded"; readonly response: Buffer; readonly usage: Usage }
  | {
      readonly kind: "failed";
      readonly error: ResultError;
      /** The same call may succeed when made again. */
      readonly retryable: boolean;
      readonly retry_after_ms?: number;
    };

/** docs/errors.md has the same table in words. */
export function judge(job: JobHead, answer: ModelAnswer, prices: PriceList): Verdict {
  if (answer.kind === "timeout")
    return failed("provider_timeout", "timeout_error", "the model did not answer in time", true);
  if (answer.kind === "aborted" || answer.kind === "broken") throw new Error("not yet");
  if (answer.kind === "unreachable") {
    return failed("provider_unreachable", "api_error", `the model cannot be reached: ${answer.message}`, true);
  }
  if (answer.kind === "too_large") {
    const message = `the model's answer is larger than inference.response_bytes_max (${answer.bytes_max})`;
    return failed("provider_response_too_large", "api_error", message, false);
  }
  if (answer.status === 200) return judgeBody(job, answer.body, prices);
  const detail = providerMessage(answer.body) ?? `HTTP ${answer.status}`;
  if (answer.status === 429) {
    return failed("provider_rate_limited", "rate_limit_error", detail, true, answer.retry_after_ms);
  }
  if (answer.status >= 500 || answer.status === 408 || answer.status === 409) {
    return failed("provider_error", "api_error", detail, true, answer.retry_after_ms);
  }
  if (answer.status === 401 || answer.status === 403) {
    return failed("provider_auth", "authentication_error", "the model refuses the configured API key", false);
  }
  return failed("provider_rejected", "invalid_request_error", detail, false);
}

function judgeBody(job: JobHead, body: Buffer, prices: PriceList): Verdict {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString());
  } catch {
    return failed("provider_garbage", "api_error", "the model's answer is not JSON", true);
  }
  const list = job.kind === "chat" ? "choices" : "data";
  if (typeof parsed !== "object" || parsed === null || !Array.isArray((parsed as Record<string, unknown>)[list])) {
    return failed("provider_garbage", "api_error", `the model's answer has no "${list}"`, true);
  }
  return { kind: "succeeded", response: body, usage: usageOf(job, parsed as Record<string, unknown>, body, prices) };
}

/** The provider's own counts; where it gives none, an estimate of four bytes a token, marked as such. */
function usageOf(job: JobHead, parsed: Record<string, unknown>, body: Buffer, prices: PriceList): Usage {
  const given = parsed["usage"] as Record<string, unknown> | null | undefined;
  const details = given?.["prompt_tokens_details"] as Record<string, unknown> | null | undefined;
  const estimated = count(given?.["prompt_tokens"]) === undefined;
  const counts = {
    prompt_tokens: count(given?.["prompt_tokens"]) ?? 0,
    cached_prompt_tokens: count(details?.["cached_tokens"]) ?? 0,
    completion_tokens:
      count(given?.["completion_tokens"]) ?? (estimated && job.kind === "chat" ? Math.ceil(body.length / 4) : 0),
  };
  return {
    ...counts,
    cost_usd: usdOf(cost_nusd(counts, prices.priceOf(job.route.model))),
    price_version: prices.version,
    estimated,
  };
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The provider's message in OpenAI's shape, shortened: it may quote the request. */
function providerMessage(body: Buffer): string | undefined {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message.slice(0, 500) : undefined;
  } catch {
    return undefined;
  }
}

function failed(code: string, type: string, message: string, retryable: boolean, retry_after_ms?: number): Verdict {
  const error = { code, type, message };
  return { kind: "failed", error, retryable, ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}
