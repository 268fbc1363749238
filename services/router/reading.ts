/** The request as the router reads it: its body, and what is looked at in it. Pure. */
import { factsOf, type RequestFacts } from "../../libs/shared/routing/facts.ts";

/** Both are undefined where the request is too long to be looked into, or cannot be. */
export type ReadRequest = {
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly facts: RequestFacts | undefined;
};

const UNREAD: ReadRequest = { body: undefined, facts: undefined };

/** @param request the carried JSON. It was checked where it entered; one written by hand to this topic may hold anything. */
export function readRequest(kind: "chat" | "embeddings", request: Buffer, bytes_max: number): ReadRequest {
  if (request.length > bytes_max) return UNREAD;
  const body = bodyOf(request);
  if (body === undefined) return UNREAD;
  return { body, facts: kind === "chat" ? factsOf(body) : undefined };
}

function bodyOf(request: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const { body } = JSON.parse(request.toString()) as { body?: unknown };
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
