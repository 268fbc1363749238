/** What a map-reduce reads of a Result. Pure. */
import { answerText } from "../../../libs/shared/events/answer-text.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";

export type Answer = {
  /** Without text: the model said nothing. */
  readonly text: string;
  /** Cut off by its token limit. */
  readonly truncated: boolean;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
};

/** @param result as JSON text, of a request that succeeded. */
export function readAnswer(result: string | undefined): Answer {
  const { response, usage } = parsed(result);
  const [choice] = (response as { choices?: readonly { finish_reason?: unknown }[] } | undefined)?.choices ?? [];
  return {
    text: answerText(response, Number.POSITIVE_INFINITY)?.trim() ?? "",
    truncated: choice?.finish_reason === "length",
    prompt_tokens: usage?.prompt_tokens ?? 0,
    completion_tokens: usage?.completion_tokens ?? 0,
  };
}

export type Failing = {
  /** The same request would end in the same way. */
  readonly final: boolean;
  /** A provider may charge for it, though its cost is not known. */
  readonly may_be_billed: boolean;
};

/** As `provider-outcomes.ts` of inference has them: the provider said no, and did no work. */
const UNBILLED = new Set([
  ...["provider_rate_limited", "provider_error", "provider_auth", "provider_rejected", "provider_unavailable"],
]);
const FINAL = new Set(["provider_rejected", "provider_response_too_large", "invalid_request", "model_unknown"]);

/** @param result as JSON text, of a request that ended otherwise; undefined where it is not there. */
export function readFailing(status: string, result: string | undefined): Failing {
  const { error, usage, route } = parsed(result);
  const code = error?.code ?? "";
  const calls = route?.attempts ?? 0;
  const unknown = calls > 1 || (calls === 1 && !UNBILLED.has(code));
  return {
    final: status !== "failed" || FINAL.has(code),
    may_be_billed: status !== "rejected" && usage === undefined && unknown,
  };
}

function parsed(result: string | undefined): Partial<Result> {
  return result === undefined ? {} : (JSON.parse(result) as Result);
}
