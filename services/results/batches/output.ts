/** Lines of a batch's output and error files, in OpenAI's shape. Pure. */
import type { ResultError } from "../../../libs/shared/events/fields.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { statusOfError } from "../../../libs/shared/http/error-status.ts";
import type { BatchOutcome, BatchUsage } from "../../../libs/shared/jobs/batch.ts";
import { askedId, type ItemResult } from "../../../libs/shared/jobs/job.ts";

const GIVEN_UP: Readonly<Record<BatchOutcome, { readonly code: string; readonly message: string }>> = {
  expired: {
    code: "batch_expired",
    message: "This request could not be executed before the completion window expired.",
  },
  cancelled: { code: "batch_cancelled", message: "This request was not executed, because the batch was cancelled." },
  failed: { code: "batch_failed", message: "This request was not executed, because the batch failed." },
  completed: { code: "internal_error", message: "This request has no result." },
};

/** Codes of results that say no more than that the batch ended first. */
const BY_OUTCOME: Readonly<Partial<Record<BatchOutcome, string>>> = { expired: "expired", cancelled: "cancelled" };

/** The line of one item, with its line end; and what it used. @param outcome how the batch ends. */
export function outputLine(
  item: ItemResult,
  outcome: BatchOutcome,
): { readonly text: string; readonly usage: BatchUsage } {
  const result = item.result === undefined ? undefined : (JSON.parse(item.result) as Result);
  const request_id = askedId(item);
  const named = { id: `batch_req_${request_id.replace(/^batch_/, "")}`, custom_id: item.custom_id ?? null };
  const given_up = result === undefined || (BY_OUTCOME[outcome] === result.status && result.response === undefined);
  const line = given_up
    ? { ...named, response: null, error: GIVEN_UP[outcome] }
    : { ...named, response: responseOf(result, request_id), error: null };
  return { text: `${JSON.stringify(line)}\n`, usage: usageOf(result) };
}

function responseOf(result: Result, request_id: string): object {
  const { status, response, route, usage } = result;
  const sluice = {
    ...(route === undefined ? {} : { tier: route.tier, model: route.model, cache: route.cache }),
    cost_usd: usage?.cost_usd ?? 0,
  };
  if (status === "succeeded" && response !== undefined) {
    return { status_code: 200, request_id, body: response, sluice };
  }
  const error = result.error ?? { code: "internal_error", type: "api_error", message: "the result has no response" };
  return { status_code: statusOfError(error.code), request_id, body: { error: asOpenAis(error) }, sluice };
}

/** Paths begin in the body, as OpenAI's do. */
function asOpenAis({ message, type, param, code }: ResultError): object {
  const own = (text: string): string => text.replace(/^body\./, "");
  return { message: own(message), type, param: param === undefined ? null : own(param), code };
}

function usageOf(result: Result | undefined): BatchUsage {
  const details = (result?.response as { usage?: { completion_tokens_details?: unknown } } | undefined)?.usage
    ?.completion_tokens_details as { reasoning_tokens?: unknown } | null | undefined;
  const reasoning = details?.reasoning_tokens;
  return {
    input_tokens: result?.usage?.prompt_tokens ?? 0,
    cached_tokens: result?.usage?.cached_prompt_tokens ?? 0,
    output_tokens: result?.usage?.completion_tokens ?? 0,
    reasoning_tokens: typeof reasoning === "number" ? reasoning : 0,
  };
}

export function addUsage(one: BatchUsage, other: BatchUsage): BatchUsage {
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    cached_tokens: one.cached_tokens + other.cached_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    reasoning_tokens: one.reasoning_tokens + other.reasoning_tokens,
  };
}
