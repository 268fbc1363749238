/** What the routes for administrators share: who calls, what was asked, and a line in the log of every act. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { Clock } from "../../../libs/shared/clock.ts";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import type { Log, LogFields } from "../../../libs/shared/log.ts";
import type { Caller, KeyRing } from "../keys.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type RouteDoc } from "../route.ts";
import { failure, send, sendBadQuery, sendProblem } from "../sending.ts";

export type AdminDeps = { readonly keys: KeyRing; readonly clock: Clock; readonly log: Log };

/** Of every route under /admin/. */
export function adminDoc(summary: string, more: Omit<RouteDoc, "scope" | "summary" | "tag">) {
  return documented({ scope: "admin", tag: "Administration", summary, ...more });
}

/** Undefined when a refusal was sent. */
export function adminOf({ keys }: Pick<AdminDeps, "keys">, http: FastifyRequest, reply: FastifyReply) {
  return callerOf(keys, http, "admin", reply);
}

/** Whose call it is and what it asks for. Undefined when a refusal was sent. */
export function askedOf<Shape extends z.ZodType>(
  deps: Pick<AdminDeps, "keys">,
  shape: Shape,
  of: "query" | "body",
  http: FastifyRequest,
  reply: FastifyReply,
): { readonly caller: Caller; readonly asked: z.infer<Shape> } | undefined {
  const caller = adminOf(deps, http, reply);
  if (caller === undefined) return undefined;
  const read = shape.safeParse(http[of] ?? {});
  if (read.success) return { caller, asked: read.data };
  if (of === "query") sendBadQuery(reply, read.error);
  else sendProblem(reply, firstProblem(read.error));
  return undefined;
}

/** Notes who did what. @param fields ids and counts; never what was said in a request. */
export function noteAct(
  { log }: Pick<AdminDeps, "log">,
  { key_id }: Caller,
  act: string,
  fields: LogFields = {},
): void {
  log.info({ act, key_id, ...fields }, "an administrator acted");
}

/** The act does not fit how things stand. */
export function sendConflict(reply: FastifyReply, message: string): FastifyReply {
  return send(reply, errorReply(409, failure("conflict", "invalid_request_error", message)));
}

/** The words that notes of acts carry for who it was. */
export function actor({ key_id }: Caller): string {
  return `key ${key_id}`;
}
