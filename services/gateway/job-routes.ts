/** What the routes of batches and of map-reduces share: finding a job of the caller's, its id by an idempotency key, pages, refusals. */
import { createHash, randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ID_PATTERN } from "../../libs/shared/events/fields.ts";
import { firstProblem } from "../../libs/shared/events/validation.ts";
import type { Job, JobKind, JobStore } from "../../libs/shared/jobs/job.ts";
import type { Caller, KeyRing } from "./keys.ts";
import { pageQuery } from "./lists.ts";
import { errorReply } from "./replies.ts";
import { callerOf } from "./route.ts";
import { failure, send, sendNone, sendProblem } from "./sending.ts";

export type JobRoutesDeps = { readonly keys: KeyRing; readonly jobs: Pick<JobStore, "find" | "list"> };

/** A kind of job, and what it is called in words to callers. */
export type Kind = { readonly kind: JobKind; readonly called: string };

export type FoundJob<J> = { readonly caller: Caller; readonly job: J };

const KEY_CHARS_MAX = 256;

/** The job in the path. Undefined when a refusal was sent. */
export async function jobInPath<J extends Job>(
  { keys, jobs }: JobRoutesDeps,
  { kind, called }: Kind,
  scope: "submit" | "read",
  http: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
): Promise<FoundJob<J> | undefined> {
  const caller = callerOf(keys, http, scope, reply);
  if (caller === undefined) return undefined;
  const { id } = http.params;
  const job = ID_PATTERN.test(id) ? await jobs.find(caller.tenant, kind, id) : undefined;
  if (job !== undefined) return { caller, job: job as J };
  sendNone(reply, "id", `there is no such ${called}`);
  return undefined;
}

/** A page of the caller's jobs, with one more than `limit` where there are more. Undefined when a refusal was sent. */
export async function pageOfJobs<J extends Job>(
  { keys, jobs }: JobRoutesDeps,
  { kind, called }: Kind,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<{ readonly found: readonly J[]; readonly limit: number } | undefined> {
  const caller = callerOf(keys, http, "read", reply);
  if (caller === undefined) return undefined;
  const read = pageQuery.safeParse(http.query);
  if (!read.success) {
    sendProblem(reply, firstProblem(read.error));
    return undefined;
  }
  const { limit, after } = read.data;
  const known = after === undefined || (ID_PATTERN.test(after) && (await jobs.find(caller.tenant, kind, after)));
  if (!known) {
    sendProblem(reply, { param: "after", message: `after: there is no such ${called}; begin with the first page` });
    return undefined;
  }
  const from = after === undefined ? {} : { after };
  const found = await jobs.list(caller.tenant, kind, { limit: limit + 1, ...from });
  return { found: found as readonly J[], limit };
}

/**
 * A new job's id. With an idempotency key it is made of the key: whoever calls again finds the job of the first call. Undefined when a
 * refusal was sent.
 */
export function newJobId(
  prefix: string,
  tenant: string,
  http: FastifyRequest,
  reply: FastifyReply,
): { readonly id: string; readonly keyed: boolean } | undefined {
  const key = http.headers["idempotency-key"];
  if (key === undefined) return { id: `${prefix}_${randomUUID().replaceAll("-", "")}`, keyed: false };
  if (typeof key !== "string" || key.length === 0 || key.length > KEY_CHARS_MAX) {
    const message = `Idempotency-Key: must have 1 to ${KEY_CHARS_MAX} characters`;
    sendProblem(reply, { param: "Idempotency-Key", message });
    return undefined;
  }
  const named = createHash("sha256").update(`${tenant}\n${key}`).digest("hex").slice(0, 32);
  return { id: `${prefix}_${named}`, keyed: true };
}

/** The key made another job. */
export function sendReusedKey(reply: FastifyReply, { called }: Kind, id: string): FastifyReply {
  const message = `this idempotency key belongs to the ${called} ${id}, which is another; use a new key`;
  return send(reply, errorReply(422, failure("idempotency_key_reused", "invalid_request_error", message)));
}
