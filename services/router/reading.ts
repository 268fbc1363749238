/** The request as the router reads it: its body, and what is looked at in it. Pure. */
import { parseJson } from "../../libs/shared/events/json.ts";
import { factsOf, type RequestFacts } from "../../libs/shared/routing/facts.ts";

/** All are undefined where the request is too long to be looked into, or cannot be. */
export type ReadRequest = {
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly facts: RequestFacts | undefined;
  /** Its own `limits.max_output_tokens`; the head's is what came of it with plan, prices and budgets. */
  readonly output_tokens_max: number | undefined;
};

const UNREAD: ReadRequest = { body: undefined, facts: undefined, output_tokens_max: undefined };

/** @param request the carried JSON. It was checked where it entered; one written by hand to this topic may hold anything. */
export function readRequest(kind: "chat" | "embeddings", request: Buffer, bytes_max: number): ReadRequest {
  if (request.length > bytes_max) return UNREAD;
  const parsed = parseJson(request);
  if (!isObject(parsed)) return UNREAD;
  const { body, limits } = parsed;
  if (!isObject(body)) return UNREAD;
  const own = isObject(limits) ? limits["max_output_tokens"] : undefined;
  const output_tokens_max = typeof own === "number" ? own : undefined;
  return { body, facts: kind === "chat" ? factsOf(body) : undefined, output_tokens_max };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
