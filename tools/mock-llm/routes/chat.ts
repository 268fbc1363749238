/** `POST /v1/chat/completions`. */

import { answer } from "../answers.ts";
import { type Completion, completionObject, completionTokens, stepsOf, streamSteps } from "../completion.ts";
import { withoutDirective } from "../controls.ts";
import type { Reply } from "../deliver.ts";
import { meanLogprob } from "../logprobs.ts";
import type { Mock } from "../mock.ts";
import { type ModelEndpoint, type ReplyInput, serveModelCall } from "../model-call.ts";
import { recordedAnswer } from "../recorded.ts";
import { type ChatRequest, parseChat } from "../requests.ts";
import type { Route } from "../router.ts";
import { planTiming } from "../timing.ts";
import { countPromptTokens } from "../tokens.ts";

const PATH = "/v1/chat/completions";

/** How chat requests are read and answered. */
export const CHAT_ENDPOINT: ModelEndpoint<ChatRequest> = {
  path: PATH,
  parse: parseChat,
  directiveText: (request) => request.last_user_text,
  limitTokens: (request) => promptTokens(request) + (request.max_tokens ?? 0),
  reply: chatReply,
};

/** The routes of chat completions. */
export function chatRoutes(mock: Mock): Route[] {
  return [
    {
      method: "POST",
      path: PATH,
      access: "model",
      handle: (exchange) => serveModelCall(mock, CHAT_ENDPOINT, exchange),
    },
  ];
}

/** Makes up the answer to a chat request. Changes the prefix cache and the sequence, and nothing else. */
function chatReply(mock: Mock, input: ReplyInput<ChatRequest>): Reply {
  const { controls, request } = input;
  const completion = complete(mock, input);
  const { answers, cached_tokens, prompt_tokens } = completion;
  const timing = planTiming({
    server: mock.behaviour,
    request: controls,
    steps: stepsOf(answers),
    cached_share: cached_tokens / prompt_tokens,
    slow: input.slow,
  });
  const content = request.stream
    ? { steps: streamSteps(completion, request.include_usage) }
    : { body: JSON.stringify(completionObject(completion)) };
  const completion_tokens = completionTokens(answers);
  return { timing, prompt_tokens, cached_prompt_tokens: cached_tokens, completion_tokens, content };
}

function complete(mock: Mock, { controls, key, request }: ReplyInput<ChatRequest>): Completion {
  mock.sequence += 1;
  const recorded =
    controls.answer ??
    recordedAnswer(mock.recordings, withoutDirective(request.last_user_text), request.model, {
      weak_models: mock.options.weak_models ?? [],
      strong_models: mock.options.strong_models ?? [],
    });
  const mean = controls.logprob ?? meanLogprob(key, mock.seed);
  return {
    id: `chatcmpl-${key.replace(/[^A-Za-z0-9]/g, "0")}${mock.sequence.toString(36)}`,
    created_s: Math.floor(Date.now() / 1_000),
    model: request.model,
    system_fingerprint: `fp_mock_${mock.seed}`,
    answers: answer({ request, key, seed: mock.seed, tokens: controls.tokens, recorded }),
    prompt_tokens: promptTokens(request),
    cached_tokens: mock.prefix_cache.use(request.model, promptText(request)),
    logprobs: request.top_logprobs === undefined ? undefined : { top: request.top_logprobs, mean },
  };
}

function promptTokens(request: ChatRequest): number {
  return countPromptTokens({ messages: request.messages, extra: request.extra_prompt });
}

/** The prompt as one text, in the order a provider caches it: tools, then messages. */
function promptText(request: ChatRequest): string {
  return request.extra_prompt + request.messages.map((message) => message.text).join("");
}
