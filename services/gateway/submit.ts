/** Puts a caller's request on `llm.requests`, where all else begins. */
import { randomUUID } from "node:crypto";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { REPLY_TO_HEADER, TENANT_HEADER } from "../../libs/shared/events/headers.ts";
import { chatBody, embeddingsBody, type Request, requestSchema } from "../../libs/shared/events/request.ts";
import { inLane, type TopicNames } from "../../libs/shared/events/topics.ts";
import { type FieldError, firstProblem } from "../../libs/shared/events/validation.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";
import { nestsDeeper, REQUEST_LEVELS_MAX } from "../../libs/shared/nesting.ts";

export type Shaped =
  | { readonly ok: true; readonly request: Request }
  | { readonly ok: false; readonly problem: FieldError };

const TOO_DEEP: Shaped = {
  ok: false,
  problem: { param: "", message: `the request must nest at most ${REQUEST_LEVELS_MAX} levels deep` },
};

/** The native envelope, as the caller wrote it, in the caller's tenant. Pure but for a new id where there is none. */
export function shapeRequest(input: unknown, tenant: string): Shaped {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return { ok: false, problem: { param: "", message: "the body must be a JSON object" } };
  }
  if (nestsDeeper(input, REQUEST_LEVELS_MAX)) return TOO_DEEP;
  const named = (input as { tenant?: unknown }).tenant;
  if (named !== undefined && named !== tenant) {
    return { ok: false, problem: { param: "tenant", message: `tenant: your key belongs to tenant "${tenant}"` } };
  }
  const parsed = requestSchema.safeParse({ id: `req_${randomUUID()}`, ...input, tenant });
  return parsed.success ? { ok: true, request: parsed.data } : { ok: false, problem: firstProblem(parsed.error) };
}

/** A body of one of OpenAI's endpoints, put into an envelope. Paths in errors are the body's own, as its clients expect. */
export function shapeBody(kind: "chat" | "embeddings", body: unknown, tenant: string): Shaped {
  // One level less: the envelope is one more.
  if (nestsDeeper(body, REQUEST_LEVELS_MAX - 1)) return TOO_DEEP;
  const parsed = (kind === "chat" ? chatBody : embeddingsBody).safeParse(body);
  if (!parsed.success) return { ok: false, problem: firstProblem(parsed.error) };
  const user = parsed.data["user"];
  const request: Request = {
    id: `req_${randomUUID()}`,
    tenant,
    body: parsed.data,
    ...(typeof user === "string" && user.length > 0 ? { user: user.slice(0, 256) } : {}),
  };
  return { ok: true, request };
}

/** The record for a shaped request. `reply_to` names the gateway that holds the caller. */
export function requestRecord(
  deps: { readonly codec: EventCodec; readonly names: TopicNames },
  request: Request,
  reply_to: string | undefined,
  trace: Readonly<Record<string, string>>,
): OutRecord {
  const topic = inLane(deps.names.requests, request.lane ?? "interactive");
  return {
    topic,
    key: request.session ?? request.id ?? null,
    value: deps.codec.encode(topic, Buffer.from(JSON.stringify(request))),
    headers: {
      ...trace,
      [TENANT_HEADER]: request.tenant,
      ...(reply_to === undefined ? {} : { [REPLY_TO_HEADER]: reply_to }),
    },
  };
}
