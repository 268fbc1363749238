/** `POST /v1/embeddings`. */

import { hasDirective } from "../controls.ts";
import { embeddingsBody, parseEmbeddings } from "../embeddings.ts";
import type { Mock } from "../mock.ts";
import { type ModelEndpoint, serveModelCall } from "../model-call.ts";
import { DEFAULTS } from "../options.ts";
import type { EmbeddingsRequest } from "../requests.ts";
import type { Route } from "../router.ts";
import { planTiming } from "../timing.ts";

const PATH = "/v1/embeddings";

/** How embeddings requests are read and answered. */
export const EMBEDDINGS_ENDPOINT: ModelEndpoint<EmbeddingsRequest> = {
  path: PATH,
  parse: parseEmbeddings,
  // Wherever it stands: what is wrong with one input is wrong with the call.
  directiveText: (request) => request.inputs.find(hasDirective) ?? "",
  limitTokens: (request) => request.prompt_tokens,
  reply: (mock, { controls, request, slow }) => {
    const dimensions = request.dimensions ?? mock.options.dimensions ?? DEFAULTS.dimensions;
    const body = embeddingsBody(request, dimensions, mock.seed);
    const timing = planTiming({ server: mock.behaviour, request: controls, steps: 1, cached_share: 0, slow });
    const { prompt_tokens } = request;
    return { timing, prompt_tokens, cached_prompt_tokens: 0, completion_tokens: 0, content: { body } };
  },
};

/** The routes of embeddings. */
export function embeddingsRoutes(mock: Mock): Route[] {
  return [
    {
      method: "POST",
      path: PATH,
      access: "model",
      handle: (exchange) => serveModelCall(mock, EMBEDDINGS_ENDPOINT, exchange),
    },
  ];
}
