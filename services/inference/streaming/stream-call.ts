/**
 * One streamed call: its chunks go to the request's token stream as they come, and are put together into the answer that a call
 * without a stream would have given, so that it is judged in the same way.
 *
 * A provider charges for tokens that it sent (I4). So a stream that fails after its first token is `broken`, whatever ended it: it is
 * charged by what was received and not called again as if nothing had happened. Before the first token it is a failure like any
 * other. A stream whose every choice came to its end is whole, though its `[DONE]` or its usage never came.
 */
import type { Clock } from "../../../libs/shared/clock.ts";
import { nestsDeeper, REQUEST_LEVELS_MAX } from "../../../libs/shared/nesting.ts";
import type { ModelAnswer, ModelCall, ModelClient } from "../model-client.ts";
import { ChatAssembler, type Received } from "./assemble.ts";
import type { TokenStream } from "./token-stream.ts";

export type StreamedCall = Omit<ModelCall, "onEvent"> & {
  /** The request's `n`. */
  readonly choices?: number;
  /** The answer may hold so much, put together. */
  readonly response_bytes_max: number;
};

export type StreamedAnswer = {
  /** Of a success, `body` is the whole chat completion. */
  readonly answer: ModelAnswer;
  /** Epoch ms. */
  readonly first_token_ms?: number;
  /** What came of the answer's text, also when the call then failed. */
  readonly received: Received;
  /** Every choice came to its end: only then the answer may be kept for others (I5). */
  readonly complete: boolean;
};

/** What an event says that is no chunk of an answer: the provider's failure, or something that nobody can read. */
type Fault = { readonly message: string; readonly status: number; readonly body: Buffer } | "too_large";

/** Makes the call; never rejects but for a bug. The caller begins and ends the token stream. */
export async function streamCall(
  client: ModelClient,
  call: StreamedCall,
  tokens: Pick<TokenStream, "token">,
  clock: Clock,
): Promise<StreamedAnswer> {
  const { choices, response_bytes_max, signal, ...rest } = call;
  const assembler = new ChatAssembler(choices);
  const given_up = new AbortController();
  let fault: Fault | undefined;
  let first_token_ms: number | undefined;

  const onEvent = (data: string): void => {
    if (fault !== undefined) return;
    const chunk = readChunk(data);
    if (chunk.ok) {
      if (assembler.add(chunk.value)) first_token_ms ??= clock.now_ms();
      tokens.token(data);
      if (assembler.kept_chars > response_bytes_max) fault = "too_large";
    } else {
      fault = chunk.fault;
    }
    if (fault !== undefined) given_up.abort();
  };
  const signals = signal === undefined ? given_up.signal : AbortSignal.any([signal, given_up.signal]);
  const answer = await client.call({ ...rest, signal: signals, onEvent });
  return {
    answer: conclude(answer, fault, assembler, response_bytes_max),
    ...(first_token_ms === undefined ? {} : { first_token_ms }),
    received: assembler.received,
    // Answered without a stream, it is as complete as any.
    complete: assembler.complete || (answer.kind === "answered" && answer.status === 200 && answer.body.length > 0),
  };
}

function conclude(
  answer: ModelAnswer,
  fault: Fault | undefined,
  assembler: ChatAssembler,
  bytes_max: number,
): ModelAnswer {
  const any_token = assembler.received.chunks > 0;
  if (fault === "too_large") return { kind: "too_large", bytes_max };
  if (fault !== undefined) {
    if (any_token) return { kind: "broken", message: fault.message };
    return { kind: "answered", status: fault.status, body: fault.body };
  }
  switch (answer.kind) {
    case "answered":
      return answer.status === 200 && answer.body.length === 0 ? whole(assembler, bytes_max, answer) : answer;
    case "broken":
    case "timeout":
    case "unreachable":
      if (assembler.complete) return whole(assembler, bytes_max);
      if (any_token) return { kind: "broken", message: answer.kind === "timeout" ? "it fell silent" : answer.message };
      return answer.kind === "broken" ? { kind: "unreachable", message: answer.message, sent: true } : answer;
    case "aborted":
    case "too_large":
      return answer;
  }
}

/** @param answer what else the provider said, of its limits. */
function whole(assembler: ChatAssembler, bytes_max: number, answer?: ModelAnswer): ModelAnswer {
  const response = assembler.response();
  // A stream of nothing is judged as what it is: an answer that nobody can use.
  const body = Buffer.from(response === undefined ? "" : JSON.stringify(response));
  if (body.length > bytes_max) return { kind: "too_large", bytes_max };
  return answer?.kind === "answered" ? { ...answer, body } : { kind: "answered", status: 200, body };
}

type Read = { readonly ok: true; readonly value: object } | { readonly ok: false; readonly fault: Fault };

function readChunk(data: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || nestsDeeper(value, REQUEST_LEVELS_MAX)) {
    // Judged by its body: garbage.
    return { ok: false, fault: { message: "an event of it is not a chunk", status: 200, body: Buffer.alloc(0) } };
  }
  const error = (value as { error?: unknown }).error;
  if (error === undefined || error === null) return { ok: true, value };
  return { ok: false, fault: { ...errorOf(error), body: Buffer.from(data) } };
}

/** An error told within the stream, after a status of 200: vLLM and OpenRouter put the status it would have had in `code`. */
function errorOf(error: unknown): { message: string; status: number } {
  const { message, code, status } = Object(error) as { message?: unknown; code?: unknown; status?: unknown };
  const given = Number(status ?? code);
  return {
    message: typeof message === "string" ? message.slice(0, 500) : "the provider told of an error",
    status: Number.isInteger(given) && given >= 400 && given <= 599 ? given : 500,
  };
}
