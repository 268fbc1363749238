/** Reads one request and says what becomes of it. Pure: the record's place and the time are arguments. */
import { contentHash } from "../../libs/shared/canonical.ts";
import { ID_PATTERN, type ResultError, TENANT_PATTERN } from "../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import {
  BODY_KIND_MESSAGE,
  bodyKind,
  chatBody,
  embeddingsBody,
  type Request,
  requestEnvelope,
} from "../../libs/shared/events/request.ts";
import { type FieldError, firstProblem } from "../../libs/shared/events/validation.ts";
import type { TopicPartition } from "../../libs/shared/kafka/ports.ts";
import { nestsDeeper, REQUEST_LEVELS_MAX } from "../../libs/shared/nesting.ts";
import { pollutes } from "../../libs/shared/pollution.ts";

/** Owner of results whose request named no usable tenant; no tenant can have this name. */
const NO_TENANT = "_unknown";

export type Arrival = TopicPartition & { readonly offset: number; readonly timestamp_ms: number };

export type AdmissionContext = {
  readonly now_ms: number;
  readonly knowsTenant: (tenant: string) => boolean;
  /** Requests that came by the batch lane's topic have its lane, unless they say otherwise. */
  readonly lane: "interactive" | "batch";
  /** The request was admitted before and comes back by a retry topic. */
  readonly reentry: boolean;
};

/** Who a request is, known even when it is refused. */
export type Identity = {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  /** The record key downstream: session, else id. */
  readonly key: string;
  /** The id is the request's, not made from its place. */
  readonly has_own_id: boolean;
  readonly idempotency_key?: string;
};

export type Admission =
  | { readonly kind: "admit"; readonly identity: Identity; readonly head: AdmittedHead; readonly request: Request }
  | {
      readonly kind: "refuse";
      readonly identity: Identity;
      readonly status: "rejected" | "expired";
      readonly error: ResultError;
      /** What of the request goes on with its outcome. */
      readonly told: Told;
    };

/** Of a request that is known, however it ends: for its Result, and for those who hear of it. */
export type Told = Pick<AdmittedHead, "metadata" | "user" | "callback_url">;

/** `json` is the parsed value: an object. */
export function admit(json: Record<string, unknown>, arrival: Arrival, context: AdmissionContext): Admission {
  const too_deep = nestsDeeper(json, REQUEST_LEVELS_MAX);
  const identity = identify(json, arrival, too_deep);
  const refuse = (problem: FieldError, code = "invalid_request"): Admission => ({
    kind: "refuse",
    identity,
    status: "rejected",
    error: { code, type: "invalid_request_error", message: problem.message, param: problem.param },
    told: {},
  });

  if (too_deep) {
    return refuse({ param: "", message: `the request: must nest at most ${REQUEST_LEVELS_MAX} levels deep` });
  }
  if (pollutes(json)) {
    return refuse({ param: "", message: "the request: must hold no member __proto__, nor constructor.prototype" });
  }
  const envelope = requestEnvelope.safeParse(json);
  if (!envelope.success) return refuse(firstProblem(envelope.error));
  const body = parseBody(envelope.data.body);
  if (!body.ok) return refuse(body.problem);
  const request: Omit<Request, "body"> = envelope.data;
  if (!context.knowsTenant(request.tenant)) {
    const message = `tenant: there is no tenant "${request.tenant}"; name one from sluice.yaml`;
    return refuse({ param: "tenant", message }, "tenant_unknown");
  }

  const deadline_ms = request.deadline === undefined ? undefined : Date.parse(request.deadline);
  // By the record's own time, so that a redelivery decides the same; what expires on the way is found before the model call.
  const reached_ms = context.reentry ? context.now_ms : arrival.timestamp_ms;
  if (deadline_ms !== undefined && deadline_ms <= reached_ms) {
    const when = context.reentry ? "was to be entered again" : "arrived";
    const message = `the deadline ${request.deadline} had passed when the request ${when}`;
    return {
      kind: "refuse",
      identity,
      status: "expired",
      error: { code: "deadline_exceeded", type: "timeout_error", message, param: "deadline" },
      told: toldOf({ ...request, callback_url: request.callback?.url }),
    };
  }
  const head = headOf(request, body, identity, arrival, deadline_ms, context);
  return { kind: "admit", identity, head, request: envelope.data as Request };
}

type ParsedBody =
  | { readonly ok: true; readonly kind: "chat" | "embeddings"; readonly model: string | undefined }
  | { readonly ok: false; readonly problem: FieldError };

function parseBody(body: Record<string, unknown>): ParsedBody {
  const kind = bodyKind(body);
  if (kind === undefined) return { ok: false, problem: { param: "body", message: BODY_KIND_MESSAGE } };
  const parsed = (kind === "chat" ? chatBody : embeddingsBody).safeParse(body);
  if (!parsed.success) return { ok: false, problem: firstProblem(parsed.error, "body") };
  return { ok: true, kind, model: parsed.data.model };
}

/** A request without a usable id gets one from its place on the topic, so that a redelivery keeps it. */
function identify(json: Record<string, unknown>, arrival: Arrival, too_deep: boolean): Identity {
  const { tenant, id, session, idempotency_key } = json;
  const known = typeof tenant === "string" && TENANT_PATTERN.test(tenant);
  const own = known && typeof id === "string" && ID_PATTERN.test(id);
  const used = own ? id : `${arrival.topic}-${arrival.partition}-${arrival.offset}`;
  return {
    tenant: known ? tenant : NO_TENANT,
    id: used,
    // One that nests too deep to be hashed is refused whatever it holds: any two of them count as the same.
    content_hash: contentHash(too_deep ? { too_deep } : json),
    key: typeof session === "string" && session.length > 0 && session.length <= 256 ? session : used,
    has_own_id: own,
    ...(typeof idempotency_key === "string" && idempotency_key.length > 0 ? { idempotency_key } : {}),
  };
}

function headOf(
  request: Omit<Request, "body">,
  body: Extract<ParsedBody, { ok: true }>,
  identity: Identity,
  arrival: Arrival,
  deadline_ms: number | undefined,
  context: AdmissionContext,
): AdmittedHead {
  const { session, tier, limits, cache } = request;
  return {
    id: identity.id,
    tenant: identity.tenant,
    content_hash: identity.content_hash,
    kind: body.kind,
    lane: request.lane ?? context.lane,
    ...(session === undefined ? {} : { session }),
    ...(tier === undefined ? {} : { tier }),
    ...(body.model === undefined ? {} : { model: body.model }),
    ...(deadline_ms === undefined ? {} : { deadline_ms }),
    ...(limits?.max_output_tokens === undefined ? {} : { max_output_tokens: limits.max_output_tokens }),
    ...toldOf({ ...request, callback_url: request.callback?.url }),
    ...(cache === undefined ? {} : { cache }),
    timing: { received: arrival.timestamp_ms, admitted: context.now_ms },
  };
}

export function toldOf(of: { readonly [Name in keyof Told]: Told[Name] | undefined }): Told {
  const { metadata, user, callback_url } = of;
  return {
    ...(metadata === undefined ? {} : { metadata }),
    ...(user === undefined ? {} : { user }),
    ...(callback_url === undefined ? {} : { callback_url }),
  };
}
