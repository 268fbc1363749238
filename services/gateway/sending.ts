/** Replies by way of Fastify: the common ones, said in one place. */
import type { FastifyReply } from "fastify";
import type { z } from "zod";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { type FieldError, firstProblem } from "../../libs/shared/events/validation.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";
import { errorReply, type HttpReply } from "./replies.ts";

export const RETRY_AFTER = { "retry-after": "2" };
/** As other APIs with idempotency keys say it: the stored result of an earlier call. */
export const REPLAYED = ["idempotent-replayed", "true"] as const;

export function failure(code: string, type: string, message: string): ResultError {
  return { code, type, message };
}

export function send(reply: FastifyReply, { status, headers, body }: HttpReply): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

export function sendProblem(reply: FastifyReply, { param, message }: FieldError): FastifyReply {
  return send(reply, errorReply(400, { ...failure("invalid_request", "invalid_request_error", message), param }));
}

/** @param message what the field must be. */
export function sendWrong(reply: FastifyReply, param: string, message: string): FastifyReply {
  return sendProblem(reply, { param, message: `${param}: ${message}` });
}

/** What is wrong with a query, in which a list is one text. */
export function sendBadQuery(reply: FastifyReply, error: z.ZodError): FastifyReply {
  const { param, message } = firstProblem(error);
  const name = param.split("[", 1)[0] as string;
  return sendProblem(reply, { param: name, message: message.replace(param, name) });
}

export function sendReused(reply: FastifyReply, first_id: string): FastifyReply {
  const message = `this idempotency key belongs to the request ${first_id}, whose content is another; use a new key`;
  return send(reply, errorReply(422, failure("idempotency_key_reused", "invalid_request_error", message)));
}

export function sendUnavailable(reply: FastifyReply): FastifyReply {
  const error = failure("unavailable", "api_error", "Sluice cannot take requests right now; try again soon");
  return send(reply, errorReply(503, error, RETRY_AFTER));
}

/** @param param what names it: of the path, `id`. */
export function sendNone(reply: FastifyReply, param: string, message: string): FastifyReply {
  return send(reply, errorReply(404, { ...failure("not_found", "invalid_request_error", message), param }));
}

export function sendUnknown(reply: FastifyReply): FastifyReply {
  return sendNone(reply, "id", "there is no such request");
}

/** Where a request is asked about, and where it is followed. */
export function placesOf(id: string): { readonly url: string; readonly events_url: string } {
  const url = `/v1/requests/${id}`;
  return { url, events_url: `${url}/events` };
}

export function sendView(reply: FastifyReply, status: number, id: string, { result, ...state }: JobView): FastifyReply {
  const parsed = result === undefined ? {} : { result: JSON.parse(result) as Result };
  return reply
    .code(status)
    .header("x-sluice-id", id)
    .send({ id, object: "request", ...state, ...parsed });
}
