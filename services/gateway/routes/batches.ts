/** OpenAI's Batch API; and what it lacks: each request's progress, asking again only what did not succeed, and events. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { contentHash } from "../../../libs/shared/canonical.ts";
import type { Clock } from "../../../libs/shared/clock.ts";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import type { Files } from "../../../libs/shared/files/file.ts";
import {
  type BatchJob,
  type BatchSpec,
  batchObject,
  isRetryableBatch,
  newBatch,
  windowMs,
} from "../../../libs/shared/jobs/batch.ts";
import { ENDED_STATUSES, type JobStore } from "../../../libs/shared/jobs/job.ts";
import * as shapes from "../batch-replies.ts";
import { jobInPath, newJobId, pageOfJobs, sendReusedKey } from "../job-routes.ts";
import type { Caller, KeyRing } from "../keys.ts";
import { listOf, listSchema, pageQuery } from "../lists.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type RouteDoc, type Routes } from "../route.ts";
import { failure, REPLAYED, send, sendNone, sendProblem } from "../sending.ts";
import type { SendEvents } from "../streams/contract.ts";

export type BatchRoutesDeps = {
  readonly keys: KeyRing;
  readonly jobs: JobStore;
  readonly files: Pick<Files, "find">;
  readonly events: SendEvents;
  readonly clock: Clock;
};

type One = { Params: { id: string } };
type OneBatch = FastifyRequest<One>;

const KIND = { kind: "batch", called: "batch" } as const;
const NONE = { what: "There is no such batch" };
const BAD = { what: "The field named is wrong" };
const ONE = { what: "The batch", json: shapes.batchSchema };

export function batchRoutes(deps: BatchRoutesDeps): Routes {
  const doc = (scope: "submit" | "read", summary: string, more: Omit<RouteDoc, "scope" | "summary" | "tag">) =>
    documented({ scope, summary, tag: "Batches", ...more });
  const page = (what: string, json: z.ZodType) => ({ 200: { what, json: listSchema(json) }, 400: BAD });
  const making = { body: shapes.newBatchBody, replies: { 200: ONE, 400: BAD, 404: { what: "There is no such file" } } };
  const again = {
    body: shapes.retryBody,
    replies: { 200: ONE, 400: BAD, 404: NONE, 409: { what: "It has not ended" } },
  };
  const stream = { what: "Its progress as server-sent events, `ended` last", type: "text/event-stream" };
  const listed = { query: pageQuery, replies: page("A page of batches", shapes.batchSchema) };
  const requested = {
    query: shapes.requestsQuery,
    replies: { ...page("A page of its requests", shapes.batchRequestSchema), 404: NONE },
  };
  return (app) => {
    app.post("/v1/batches", doc("submit", "Make a batch of a file", making), (request, reply) =>
      create(deps, request, reply),
    );
    app.get("/v1/batches", doc("read", "List batches", listed), (request, reply) => list(deps, request, reply));
    app.get<One>(
      "/v1/batches/:id",
      doc("read", "Look at a batch", { replies: { 200: ONE, 404: NONE } }),
      async (request, reply) => {
        const found = await jobInPath<BatchJob>(deps, KIND, "read", request, reply);
        return found === undefined ? reply : reply.send(batchObject(found.job));
      },
    );
    app.post<One>(
      "/v1/batches/:id/cancel",
      doc("submit", "Cancel a batch", { replies: { 200: ONE, 404: NONE } }),
      (request, reply) => cancel(deps, request, reply),
    );
    app.get<One>("/v1/batches/:id/requests", doc("read", "List a batch's requests", requested), (request, reply) =>
      listRequests(deps, request, reply),
    );
    app.post<One>(
      "/v1/batches/:id/retry",
      doc("submit", "Ask again what did not succeed, as a new batch", again),
      (request, reply) => retry(deps, request, reply),
    );
    app.get<One>(
      "/v1/batches/:id/events",
      // A HEAD would be a stream that sends nothing.
      { ...doc("read", "Follow a batch", { replies: { 200: stream, 404: NONE } }), exposeHeadRoute: false },
      async (request, reply) => {
        const found = await jobInPath<BatchJob>(deps, KIND, "read", request, reply);
        if (found === undefined) return reply;
        return deps.events(request, reply, { tenant: found.caller.tenant, id: found.job.id, kind: "job" });
      },
    );
  };
}

async function create(deps: BatchRoutesDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const read = shapes.newBatchBody.safeParse(http.body);
  if (!read.success) return sendProblem(reply, firstProblem(read.error));
  const spec = shapes.specOf(read.data);
  const file = ID_PATTERN.test(spec.input_file_id)
    ? await deps.files.find(caller.tenant, spec.input_file_id)
    : undefined;
  if (file === undefined) return sendNone(reply, "input_file_id", "there is no such file; upload it to /v1/files");
  if (file.purpose !== "batch") {
    const message = `input_file_id: the file's purpose is "${file.purpose}"; upload it with the purpose "batch"`;
    return sendProblem(reply, { param: "input_file_id", message });
  }
  return start(deps, caller, spec, http, reply);
}

async function start(
  { jobs, clock }: BatchRoutesDeps,
  { tenant, key_id }: Caller,
  spec: BatchSpec,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const named = newJobId("batch", tenant, http, reply);
  if (named === undefined) return reply;
  const window_ms = windowMs(spec.completion_window) as number;
  const job = newBatch({ id: named.id, tenant, key_id, created_ms: clock.now_ms(), window_ms }, spec);
  const first = await jobs.create(job);
  const found = (await jobs.find(tenant, "batch", job.id)) as BatchJob | undefined;
  if (found === undefined) throw new Error(`the batch ${job.id} was made and is not there`);
  if (contentHash(found.spec) !== contentHash(spec)) return sendReusedKey(reply, KIND, job.id);
  if (!first) reply.header(...REPLAYED);
  return reply.send(batchObject(found));
}

async function list(deps: BatchRoutesDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const page = await pageOfJobs<BatchJob>(deps, KIND, http, reply);
  if (page === undefined) return reply;
  const objects = page.found.map((job) => batchObject(job) as { readonly id: string });
  return reply.send(listOf(objects, page.limit));
}

async function cancel(deps: BatchRoutesDeps, http: OneBatch, reply: FastifyReply): Promise<FastifyReply> {
  const found = await jobInPath<BatchJob>(deps, KIND, "submit", http, reply);
  if (found === undefined) return reply;
  const { tenant } = found.caller;
  const job = await deps.jobs.cancel(tenant, "batch", found.job.id, deps.clock.now_ms());
  return reply.send(batchObject((job as BatchJob | undefined) ?? found.job));
}

async function listRequests(deps: BatchRoutesDeps, http: OneBatch, reply: FastifyReply): Promise<FastifyReply> {
  const found = await jobInPath<BatchJob>(deps, KIND, "read", http, reply);
  if (found === undefined) return reply;
  const read = shapes.requestsQuery.safeParse(http.query);
  if (!read.success) return sendProblem(reply, firstProblem(read.error));
  const { limit, after, status } = read.data;
  const { job } = found;
  const from = after === undefined ? 0 : itemAfter(job.id, after);
  if (from === undefined) {
    return sendProblem(reply, { param: "after", message: "after: must be the last_id of the page before" });
  }
  const statuses = status === undefined ? undefined : [status];
  const items = await deps.jobs.results(job, 0, from, limit + 1, "result", statuses);
  return reply.send(listOf(items.map(shapes.batchRequestOf), limit));
}

/** Requests are listed in the order of their lines, which their ids name. */
function itemAfter(job: string, id: string): number | undefined {
  const item = id.startsWith(`${job}.0.`) ? id.slice(job.length + 3) : "";
  return /^\d{1,9}$/.test(item) ? Number(item) + 1 : undefined;
}

async function retry(deps: BatchRoutesDeps, http: OneBatch, reply: FastifyReply): Promise<FastifyReply> {
  const found = await jobInPath<BatchJob>(deps, KIND, "submit", http, reply);
  if (found === undefined) return reply;
  const read = shapes.retryBody.safeParse(http.body ?? {});
  if (!read.success) return sendProblem(reply, firstProblem(read.error));
  const { job, caller } = found;
  const refuse = (status: number, code: string, message: string) =>
    send(reply, errorReply(status, { ...failure(code, "invalid_request_error", message), param: "id" }));
  if (!ENDED_STATUSES.includes(job.status)) {
    return refuse(409, "batch_not_ended", "the batch has not ended; wait for its end, or cancel it");
  }
  if (!isRetryableBatch(job)) {
    return refuse(400, "batch_not_retryable", "the batch ran no line; correct its file and make a new batch of it");
  }
  if (job.state.completed >= job.state.lines) {
    return refuse(400, "nothing_to_retry", "every line of the batch has succeeded");
  }
  if ((await deps.files.find(caller.tenant, job.spec.input_file_id)) === undefined) {
    return refuse(400, "input_file_missing", "the batch's input file is not there any more; upload it again");
  }
  const { metadata, completion_window = job.spec.completion_window } = read.data;
  const own = metadata == null ? {} : { metadata };
  return start(deps, caller, { ...job.spec, completion_window, ...own, retry_of: job.id }, http, reply);
}
