/** What is sent to the model. Pure. */
import type { Draft, JobHead } from "../../libs/shared/events/flow.ts";
import { prefixOf } from "./batching/prefix.ts";
import { judgeCall } from "./judge.ts";
import { NO_SHAPING, type Shaping } from "./shaping.ts";

/** The provider's path for a kind of request, below its base URL. */
export function pathFor(kind: JobHead["kind"]): string {
  return kind === "chat" ? "/chat/completions" : "/embeddings";
}

export type CallBody = {
  readonly bytes: Buffer;
  /** The caller wants tokens as they come. */
  readonly streamed: boolean;
  /** The most tokens that the call may use, as far as is known before it is made. */
  readonly tokens: number;
  /** Of these, the prompt's. */
  readonly prompt_tokens: number;
  /** The request's `n`. */
  readonly choices: number;
  /** Names what stands before the conversation: calls with the same one share a provider's prefix cache. */
  readonly prefix: string;
  /** It asks for log-probabilities that the caller did not: refused, it may be taken without. */
  readonly adds_logprobs: boolean;
};

/** For an output that nobody bounded, until the provider tells how much it was. */
const OUTPUT_TOKENS_GUESS = 512;
/** English text in OpenAI's encodings; a tokenizer would be exact and slower. */
const BYTES_PER_TOKEN = 4;

/** By what is known of a model and of the request's body. */
export type ShapingOf = (model: string, body: Readonly<Record<string, unknown>>) => Shaping;

/**
 * The call's body: the request's own, with the model to call, the tier's prompt in front and its output bounded. A stream is asked for
 * its usage. Of a job that judges a draft it is the judge's.
 */
export function callBody(
  job: JobHead,
  model: string,
  request: Buffer,
  shapingOf: ShapingOf = () => NO_SHAPING,
): CallBody {
  const { body } = JSON.parse(request.toString()) as { body: Record<string, unknown> };
  const shaping = shapingOf(model, body);
  const judges = job.draft?.judge === true;
  const call = judges
    ? { ...judgeCall(body, job.draft as Draft, shaping.logprobs), model }
    : ownCall(job, { ...body, model }, shaping);
  const streamed = call["stream"] === true;
  const bytes = Buffer.from(JSON.stringify(call));
  const prompt_tokens = Math.ceil(bytes.length / BYTES_PER_TOKEN);
  const choices = typeof call["n"] === "number" ? call["n"] : 1;
  const common = { bytes, streamed, prompt_tokens, choices, adds_logprobs: shaping.logprobs };
  if (job.kind === "embeddings") return { ...common, tokens: prompt_tokens, prefix: "" };
  return { ...common, tokens: prompt_tokens + choices * outputTokens(call), prefix: prefixOf(call) };
}

function ownCall(job: JobHead, body: Record<string, unknown>, shaping: Shaping): Record<string, unknown> {
  const call: Record<string, unknown> = { ...body };
  if (job.kind === "chat" && call["stream"] === true) {
    call["stream_options"] = { ...(call["stream_options"] as object | undefined), include_usage: true };
  } else {
    delete call["stream"];
    delete call["stream_options"];
  }
  if (job.kind === "embeddings") return call;
  if (shaping.system !== undefined) {
    call["messages"] = [{ role: "system", content: shaping.system }, ...(call["messages"] as unknown[])];
  }
  if (shaping.logprobs) call["logprobs"] = true;
  const { output_tokens_max = Number.POSITIVE_INFINITY } = shaping;
  if (job.max_output_tokens !== undefined) boundOutput(call, Math.min(job.max_output_tokens, output_tokens_max));
  return call;
}

function boundOutput(call: Record<string, unknown>, max_output_tokens: number): void {
  // A body may have both: what a provider makes of that is its own, so both are bounded (I4).
  const given = (["max_completion_tokens", "max_tokens"] as const).filter((field) => typeof call[field] === "number");
  for (const field of given) call[field] = Math.min(call[field] as number, max_output_tokens);
  if (given.length > 0) return;
  call["max_tokens" in call ? "max_tokens" : "max_completion_tokens"] = max_output_tokens;
}

function outputTokens(call: Record<string, unknown>): number {
  const asked = call["max_completion_tokens"] ?? call["max_tokens"];
  return typeof asked === "number" ? asked : OUTPUT_TOKENS_GUESS;
}
