/** Whether an answer is what the caller asked for, what it cost, or how it failed. Pure. */
import type { Usage } from "../../libs/shared/events/fields.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import { isComplete } from "./completeness.ts";
import type { ModelAnswer } from "./model-client.ts";
import { failure, failureOf, PROVIDER_OUTCOMES, type ProviderFailure } from "./provider-outcomes.ts";
import type { Received } from "./streaming/assemble.ts";
import { type Pricing, priced, usageGiven } from "./usage.ts";

export type Verdict =
  | {
      readonly kind: "succeeded";
      readonly response: Buffer;
      readonly usage: Usage;
      /** Whether it may be given again (I5). */
      readonly complete: boolean;
    }
  | ({
      readonly kind: "failed";
      /** What was received of a stream before it broke is charged, by estimate. */
      readonly usage?: Usage;
    } & ProviderFailure);

/** A call that was sent and may be billed, nobody knows for how much. One that is charged by estimate is none. */
export function isUnknown({ outcome, usage }: Extract<Verdict, { kind: "failed" }>): boolean {
  return PROVIDER_OUTCOMES[outcome].unknown && usage === undefined;
}

/** What we know of the sizes, for a provider that gives no usage. */
export type Sizes = { readonly prompt_tokens: number };

const BYTES_PER_TOKEN = 4;

export function judge(kind: JobHead["kind"], answer: ModelAnswer, sizes: Sizes, pricing: Pricing): Verdict {
  const failed = failureOf(answer);
  if (failed !== undefined) return { kind: "failed", ...failed };
  const { body } = answer as Extract<ModelAnswer, { kind: "answered" }>;
  let parsed: Record<string, unknown> | null;
  try {
    parsed = JSON.parse(body.toString()) as Record<string, unknown> | null;
  } catch {
    return { kind: "failed", ...failure("200, unusable", "the model's answer is not JSON") };
  }
  const list = kind === "chat" ? "choices" : "data";
  if (typeof parsed !== "object" || parsed === null || !Array.isArray(parsed[list])) {
    return { kind: "failed", ...failure("200, unusable", `the model's answer has no "${list}"`) };
  }
  const given = usageGiven(parsed);
  const completion_tokens = kind === "chat" ? Math.ceil(body.length / BYTES_PER_TOKEN) : 0;
  const counts = given ?? { prompt_tokens: sizes.prompt_tokens, cached_prompt_tokens: 0, completion_tokens };
  const usage = priced(counts, given === undefined, pricing);
  return { kind: "succeeded", response: body, usage, complete: isComplete(kind, parsed) };
}

/**
 * A stream that ended early: the prompt and what was received of the answer are charged. A chunk is a token at the least; of
 * languages whose tokens are a character or two, that is more than a part of the characters.
 */
export function settledByReceived(
  failed: Verdict,
  { chars, chunks }: Received,
  sizes: Sizes,
  pricing: Pricing,
): Verdict {
  if (failed.kind === "succeeded" || chars === 0) return failed;
  const completion_tokens = Math.max(chunks, Math.ceil(chars / BYTES_PER_TOKEN));
  const counts = { prompt_tokens: sizes.prompt_tokens, cached_prompt_tokens: 0, completion_tokens };
  return { ...failed, usage: priced(counts, true, pricing) };
}
