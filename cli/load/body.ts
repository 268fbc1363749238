/** What goes through the doors: OpenAI bodies, and the request around one that goes to the topic. Pure. */
import type { IdentifiedRequest } from "../requests/build.ts";
import type { Template } from "./scenario.ts";

export type Message = { readonly role: "user" | "assistant"; readonly content: string };

/** One request, whichever door it goes through. */
export type Ask = {
  /** `<run>-<arrival>.<turn>`. */
  readonly id: string;
  readonly template: Template;
  /** With the history of its session, the latest last. */
  readonly messages: readonly Message[];
  readonly output_tokens: number;
  readonly session: string | undefined;
  /** When it was to be sent, in epoch ms. */
  readonly due_ms: number;
};

export type BodyOptions = {
  readonly stream: boolean;
  /** The bundled mock answers: it is told how long to speak. */
  readonly is_mock: boolean;
};

/** OpenAI's request. A session is in its metadata, since the API has no field for one. */
export function bodyOf(
  { template, messages, output_tokens, session }: Ask,
  options: BodyOptions,
): Record<string, unknown> {
  const model = template.model ?? template.tier ?? "auto";
  if (template.kind === "embeddings") return { model, input: messages.at(-1)?.content ?? "" };
  const metadata = {
    ...(options.is_mock ? { mock_tokens: String(output_tokens) } : {}),
    ...(session === undefined ? {} : { session }),
  };
  return {
    model,
    messages,
    max_completion_tokens: output_tokens,
    ...(options.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    // OpenAI takes metadata of requests that it stores alone.
    ...(options.is_mock && Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}

/** Of whom the requests are that a template leaves open. */
export const TENANT_DEFAULT = "demo";
/** Beside the id of the run: when the request was due, in epoch ms, for `load verify`. */
export const DUE_LABEL = "load_due_ms";

/** The record's value for the topic. */
export function requestOf(ask: Ask, is_mock: boolean, run: string): IdentifiedRequest {
  const { template, id, session, due_ms } = ask;
  const { tier, lane, tenant = TENANT_DEFAULT, cache, deadline } = template;
  return {
    id,
    tenant,
    body: bodyOf(ask, { stream: false, is_mock }) as IdentifiedRequest["body"],
    metadata: { load: run, [DUE_LABEL]: due_ms.toFixed(3) },
    ...(session === undefined ? {} : { session }),
    ...(tier === undefined ? {} : { tier }),
    ...(lane === undefined ? {} : { lane }),
    ...(cache === undefined ? {} : { cache: { mode: cache } }),
    ...(deadline === undefined ? {} : { deadline: new Date(due_ms + deadline).toISOString() }),
  };
}
