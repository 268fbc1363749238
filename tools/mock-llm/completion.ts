/** An answer in OpenAI's wire shapes: one JSON body, or the steps of a stream of server-sent events. Pure. */

import type { Answer } from "./answers.ts";
import { seededRandom, seedFrom } from "./hash.ts";
import { type LogprobEntry, logprobsOf } from "./logprobs.ts";
import { tokenPieces } from "./tokens.ts";

export type Completion = {
  readonly id: string;
  readonly created_s: number;
  readonly model: string;
  readonly system_fingerprint: string;
  readonly answers: readonly Answer[];
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  /** Undefined: no log-probabilities. */
  readonly logprobs: { readonly top: number; readonly mean: number } | undefined;
};

/** One step of a stream: what is written when its moment comes, and how many tokens that is. */
export type StreamStep = { readonly text: string; readonly tokens: number };

export type Usage = {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number; readonly audio_tokens: 0 };
  readonly completion_tokens_details: { readonly reasoning_tokens: 0; readonly audio_tokens: 0 };
};

/** Tokens of all choices. */
export function completionTokens(answers: readonly Answer[]): number {
  return answers.reduce((sum, answer) => sum + answer.tokens, 0);
}

/** Steps of an answer: choices are decoded side by side, so its longest choice decides; one at least. */
export function stepsOf(answers: readonly Answer[]): number {
  return Math.max(1, ...answers.map((answer) => answer.tokens));
}

function usageOf(completion: Completion): Usage {
  const completion_tokens = completionTokens(completion.answers);
  return {
    prompt_tokens: completion.prompt_tokens,
    completion_tokens,
    total_tokens: completion.prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: completion.cached_tokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

/** The object `chat.completion`. */
export function completionObject(completion: Completion): Record<string, unknown> {
  return {
    id: completion.id,
    object: "chat.completion",
    created: completion.created_s,
    model: completion.model,
    choices: completion.answers.map((answer, index) => {
      const entries = logprobEntries(completion, answer, index);
      return {
        index,
        message: messageOf(completion, answer, index),
        logprobs: entries === undefined ? null : { content: entries, refusal: null },
        finish_reason: answer.finish_reason,
      };
    }),
    usage: usageOf(completion),
    service_tier: "default",
    system_fingerprint: completion.system_fingerprint,
  };
}

function messageOf(completion: Completion, answer: Answer, index: number): Record<string, unknown> {
  if (answer.tool === undefined) return { role: "assistant", content: answer.text, refusal: null, annotations: [] };
  const call = { id: callId(completion, index), type: "function" };
  return {
    role: "assistant",
    content: null,
    refusal: null,
    annotations: [],
    tool_calls: [{ ...call, function: { name: answer.tool, arguments: answer.text } }],
  };
}

function callId(completion: Completion, index: number): string {
  return `call_${completion.id.slice("chatcmpl-".length)}${index}`;
}

function logprobEntries(completion: Completion, answer: Answer, index: number): LogprobEntry[] | undefined {
  if (completion.logprobs === undefined || answer.tool !== undefined) return undefined;
  const { mean, top } = completion.logprobs;
  return logprobsOf(tokenPieces(answer.text), mean, top, seededRandom(seedFrom(answer.text, index)));
}

/**
 * The stream: the first step carries the role chunks, the last one the finish reasons, the usage (when asked for) and
 * `[DONE]`; step k the k-th token of every choice.
 */
export function streamSteps(completion: Completion, include_usage: boolean): StreamStep[] {
  const head =
    `{"id":${JSON.stringify(completion.id)},"object":"chat.completion.chunk","created":${completion.created_s},` +
    `"model":${JSON.stringify(completion.model)},"service_tier":"default",` +
    `"system_fingerprint":${JSON.stringify(completion.system_fingerprint)},`;
  const usage = include_usage ? ',"usage":null' : "";
  const choice = (index: number, delta: string, logprobs = "null", finish = "null") =>
    `data: ${head}"choices":[{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finish}}]${usage}}\n\n`;
  const texts = Array.from({ length: stepsOf(completion.answers) }, () => "");
  const tokens = texts.map(() => 0);
  for (const [index, answer] of completion.answers.entries()) {
    texts[0] += choice(index, roleDelta(completion, answer, index));
    const entries = logprobEntries(completion, answer, index);
    for (const [at, piece] of tokenPieces(answer.text).entries()) {
      const logprobs = entries === undefined ? undefined : JSON.stringify({ content: [entries[at]], refusal: null });
      texts[at] += choice(index, pieceDelta(answer, piece), logprobs);
      tokens[at] = (tokens[at] ?? 0) + 1;
    }
  }
  const last = texts.length - 1;
  for (const [index, answer] of completion.answers.entries()) {
    texts[last] += choice(index, "{}", undefined, `"${answer.finish_reason}"`);
  }
  if (include_usage) texts[last] += `data: ${head}"choices":[],"usage":${JSON.stringify(usageOf(completion))}}\n\n`;
  texts[last] += "data: [DONE]\n\n";
  return texts.map((text, at) => ({ text, tokens: tokens[at] ?? 0 }));
}

function roleDelta(completion: Completion, answer: Answer, index: number): string {
  if (answer.tool === undefined) return '{"role":"assistant","content":"","refusal":null}';
  const call = {
    index: 0,
    id: callId(completion, index),
    type: "function",
    function: { name: answer.tool, arguments: "" },
  };
  return JSON.stringify({ role: "assistant", content: null, refusal: null, tool_calls: [call] });
}

function pieceDelta(answer: Answer, piece: string): string {
  const text = JSON.stringify(piece);
  return answer.tool === undefined
    ? `{"content":${text}}`
    : `{"tool_calls":[{"index":0,"function":{"arguments":${text}}}]}`;
}
