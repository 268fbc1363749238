/** Batches and map-reduces of all tenants: lists, one with what failed in it, and its cancellation. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { ID_PATTERN, tenantField } from "../../../libs/shared/events/fields.ts";
import { type BatchJob, batchObject, batchProgress } from "../../../libs/shared/jobs/batch.ts";
import { JOB_STATUSES, type Job, type JobStore, shownStatus } from "../../../libs/shared/jobs/job.ts";
import { batchRequestOf, batchRequestSchema } from "../batch-replies.ts";
import { listOf, listSchema, pageQuery } from "../lists.ts";
import { type MapReduceJob, mapReduceObject } from "../map-reduce-replies.ts";
import type { Routes } from "../route.ts";
import { sendNone } from "../sending.ts";
import { type AdminDeps, adminDoc, adminOf, askedOf, noteAct } from "./acting.ts";
import { findJob, listJobs } from "./job-rows.ts";
import type { Reads } from "./reads.ts";

export type AdminJobDeps = AdminDeps & {
  readonly reads: Reads;
  readonly jobs: Pick<JobStore, "cancel" | "results">;
};

type One = { Params: { id: string } };

const FAILED_MAX = 50;
const FAILED = ["failed", "rejected", "expired", "cancelled"];

const query = pageQuery.extend({
  tenant: tenantField.optional(),
  kind: z.enum(["batch", "map_reduce"]).optional(),
  status: z
    .enum([...JOB_STATUSES, "open"])
    .optional()
    .describe("`open`: it has not ended"),
});

const schema = z.object({
  id: z.string(),
  object: z.literal("job"),
  tenant: z.string(),
  kind: z.enum(["batch", "map_reduce"]),
  status: z.enum(JOB_STATUSES),
  /** Epoch seconds, as are all times. */
  created_at: z.int(),
  ended_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  total: z.int().describe("Lines, or shards and reduces known so far"),
  done: z.int(),
  failed: z.int(),
  text: z.string(),
  eta_s: z.number().nullable(),
  cost_usd: z.number(),
  budget_usd: z.number().nullable(),
});
const detailSchema = schema.extend({
  detail: z.looseObject({}).describe("As its tenant sees it"),
  failures: z.array(batchRequestSchema).describe(`Of its first requests that did not succeed, at most ${FAILED_MAX}`),
});

export function adminJobRoutes(deps: AdminJobDeps): Routes {
  const listing = { query, replies: { 200: { what: "The latest first", json: listSchema(schema) } } };
  const one = { replies: { 200: { what: "The job", json: detailSchema }, 404: { what: "There is none" } } };
  const cancelling = { replies: { 200: { what: "As it is now", json: schema }, 404: { what: "There is none" } } };
  return (app) => {
    app.get("/admin/jobs", adminDoc("List batches and map-reduces of all tenants", listing), (http, reply) =>
      list(deps, http, reply),
    );
    app.get<One>("/admin/jobs/:id", adminDoc("Look at a batch or map-reduce", one), (http, reply) =>
      show(deps, http, reply),
    );
    app.post<One>("/admin/jobs/:id/cancel", adminDoc("Cancel a batch or map-reduce", cancelling), (http, reply) =>
      cancel(deps, http, reply),
    );
  };
}

const seconds = (at_ms: number | undefined): number | null => (at_ms === undefined ? null : Math.floor(at_ms / 1_000));

function shown(job: Job, now_ms: number): z.infer<typeof schema> {
  return {
    ...{ id: job.id, object: "job", tenant: job.tenant, kind: job.kind, status: shownStatus(job) },
    ...{ created_at: seconds(job.created_ms) as number, ended_at: seconds(job.ended_ms) },
    expires_at: seconds(job.deadline_ms),
    ...progressOf(job, now_ms),
  };
}

function progressOf(job: Job, now_ms: number) {
  if (job.kind === "batch") {
    const { request_counts, cost_usd } = batchProgress(job as BatchJob) as {
      readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
      readonly cost_usd: number;
    };
    const { total, completed: done, failed } = request_counts;
    return { total, done, failed, text: (job as BatchJob).state.phase, eta_s: null, cost_usd, budget_usd: null };
  }
  const { progress, cost_usd, budget_usd } = mapReduceObject(job as MapReduceJob, now_ms);
  const waves = [progress.map, ...progress.waves];
  const sum = (of: "total" | "done" | "failed"): number => waves.reduce((all, wave) => all + wave[of], 0);
  const counts = { total: sum("total"), done: sum("done"), failed: sum("failed") };
  return { ...counts, text: progress.text, eta_s: progress.eta_s, cost_usd, budget_usd };
}

async function list(deps: AdminJobDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, query, "query", http, reply);
  if (call === undefined) return reply;
  const { limit, ...filter } = call.asked;
  const now_ms = deps.clock.now_ms();
  const found = await listJobs(deps.reads, { ...filter, limit: limit + 1 });
  return reply.send(
    listOf(
      found.map((job) => shown(job, now_ms)),
      limit,
    ),
  );
}

async function show(deps: AdminJobDeps, http: FastifyRequest<One>, reply: FastifyReply): Promise<FastifyReply> {
  if (adminOf(deps, http, reply) === undefined) return reply;
  const job = await jobInPath(deps, http);
  if (job === undefined) return sendNone(reply, "id", "there is no such job");
  const now_ms = deps.clock.now_ms();
  const is_batch = job.kind === "batch";
  const detail = is_batch ? batchObject(job as BatchJob) : mapReduceObject(job as MapReduceJob, now_ms);
  const failed = await deps.jobs.results(job, 0, 0, FAILED_MAX, "result", FAILED);
  return reply.send({ ...shown(job, now_ms), detail, failures: failed.map(batchRequestOf) });
}

async function cancel(deps: AdminJobDeps, http: FastifyRequest<One>, reply: FastifyReply): Promise<FastifyReply> {
  const caller = adminOf(deps, http, reply);
  if (caller === undefined) return reply;
  const job = await jobInPath(deps, http);
  if (job === undefined) return sendNone(reply, "id", "there is no such job");
  const now_ms = deps.clock.now_ms();
  const now = await deps.jobs.cancel(job.tenant, job.kind, job.id, now_ms);
  noteAct(deps, caller, "cancel_job", { job: job.id, tenant: job.tenant });
  return reply.send(shown(now ?? job, now_ms));
}

async function jobInPath({ reads }: AdminJobDeps, { params }: FastifyRequest<One>): Promise<Job | undefined> {
  return ID_PATTERN.test(params.id) ? findJob(reads, params.id) : undefined;
}
