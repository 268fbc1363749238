/** Puts a caller's request on `llm.requests`, where all else begins. */
import { randomUUID } from "node:crypto";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { EVENTS_HEADER, KEY_HEADER, REPLY_TO_HEADER, TENANT_HEADER } from "../../libs/shared/events/headers.ts";
import {
  BODY_KIND_MESSAGE,
  bodyKind,
  chatBody,
  embeddingsBody,
  type Request,
  requestEnvelope,
  requestSchema,
} from "../../libs/shared/events/request.ts";
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

/** Whose request it is, and the idempotency key of its HTTP header. */
export type Sender = { readonly tenant: string; readonly idempotency_key?: string | undefined };

/** The native envelope, as the caller wrote it, in the caller's tenant. Pure but for a new id where there is none. */
export function shapeRequest(input: unknown, { tenant, idempotency_key }: Sender): Shaped {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return { ok: false, problem: { param: "", message: "the body must be a JSON object" } };
  }
  if (nestsDeeper(input, REQUEST_LEVELS_MAX)) return TOO_DEEP;
  const { tenant: named, idempotency_key: own } = input as { tenant?: unknown; idempotency_key?: unknown };
  if (named !== undefined && named !== tenant) {
    return { ok: false, problem: { param: "tenant", message: `tenant: your key belongs to tenant "${tenant}"` } };
  }
  if (idempotency_key !== undefined && own !== undefined && own !== idempotency_key) {
    const message = "idempotency_key: it differs from the header Idempotency-Key; send one of them";
    return { ok: false, problem: { param: "idempotency_key", message } };
  }
  const keyed = idempotency_key === undefined ? {} : { idempotency_key };
  const parsed = requestSchema.safeParse({ id: newId(), ...input, ...keyed, tenant });
  if (!parsed.success) return { ok: false, problem: firstProblem(parsed.error) };
  if (bodyKind(parsed.data.body) === undefined) {
    return { ok: false, problem: { param: "body", message: BODY_KIND_MESSAGE } };
  }
  return { ok: true, request: parsed.data };
}

/** A body of one of OpenAI's endpoints, put into an envelope. Paths in errors are the body's own, as its clients expect. */
export function shapeBody(kind: "chat" | "embeddings", body: unknown, { tenant, idempotency_key }: Sender): Shaped {
  // One level less: the envelope is one more.
  if (nestsDeeper(body, REQUEST_LEVELS_MAX - 1)) return TOO_DEEP;
  const parsed = (kind === "chat" ? chatBody : embeddingsBody).safeParse(body);
  if (!parsed.success) return { ok: false, problem: firstProblem(parsed.error) };
  const key = requestEnvelope.shape.idempotency_key.safeParse(idempotency_key);
  if (!key.success) return { ok: false, problem: firstProblem(key.error, "Idempotency-Key") };
  const user = parsed.data["user"];
  const request: Request = {
    id: newId(),
    tenant,
    body: parsed.data,
    ...(idempotency_key === undefined ? {} : { idempotency_key }),
    ...(typeof user === "string" && user.length > 0 ? { user: user.slice(0, 256) } : {}),
  };
  return { ok: true, request };
}

function newId(): string {
  return `req_${randomUUID()}`;
}

/** What the record's headers say. */
export type Envelope = {
  /** The gateway that holds the caller, if one does. */
  readonly reply_to: string | undefined;
  /** Of the API key that the request came with. */
  readonly key_id: string;
  /** Somebody may follow it: its states are told. */
  readonly followed?: boolean;
  /** W3C trace context. */
  readonly trace: Readonly<Record<string, string>>;
};

/** The record for a shaped request. */
export function requestRecord(
  deps: { readonly codec: EventCodec; readonly names: TopicNames },
  request: Request,
  { reply_to, key_id, followed, trace }: Envelope,
): OutRecord {
  const topic = inLane(deps.names.requests, request.lane ?? "interactive");
  return {
    topic,
    key: request.session ?? request.id ?? null,
    value: deps.codec.encode(topic, Buffer.from(JSON.stringify(request))),
    headers: {
      ...trace,
      [TENANT_HEADER]: request.tenant,
      [KEY_HEADER]: key_id,
      ...(reply_to === undefined ? {} : { [REPLY_TO_HEADER]: reply_to }),
      ...(followed ? { [EVENTS_HEADER]: "1" } : {}),
    },
  };
}
