/** Map-reduce: many documents to one answer, with its progress, its cost against a budget, and its failed shards asked again. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { contentHash } from "../../../libs/shared/canonical.ts";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { JobsSettings } from "../../../libs/shared/config/gateway.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import type { Files } from "../../../libs/shared/files/file.ts";
import { ENDED_STATUSES, type JobStore } from "../../../libs/shared/jobs/job.ts";
import { firstState, held_nusd, type RetryAsk, retried, spent_nusd } from "../../../libs/shared/map-reduce/job.ts";
import { dollars, nusd } from "../../../libs/shared/money.ts";
import { jobInPath, newJobId, pageOfJobs, sendReusedKey } from "../job-routes.ts";
import type { Caller, KeyRing } from "../keys.ts";
import { listOf, listSchema, pageQuery } from "../lists.ts";
import * as shapes from "../map-reduce-replies.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type RouteDoc, type Routes } from "../route.ts";
import { failure, REPLAYED, send, sendNone, sendProblem } from "../sending.ts";
import type { SendEvents } from "../streams/contract.ts";

export type MapReduceRoutesDeps = {
  readonly keys: KeyRing;
  readonly jobs: JobStore;
  readonly files: Pick<Files, "find" | "add">;
  readonly events: SendEvents;
  readonly settings: JobsSettings;
  readonly tiers: Settings["tiers"];
  readonly clock: Clock;
};

type Deps = MapReduceRoutesDeps & { readonly body: ReturnType<typeof shapes.newBodyOf> };
type One = { Params: { id: string } };
type OneJob = FastifyRequest<One>;

const KIND = "map_reduce";
const URL = "/v1/map-reduce";
const OF = { kind: KIND, called: "map-reduce" } as const;
const NONE = { what: "There is no such map-reduce" };
const BAD = { what: "The field named is wrong" };
const ONE = { what: "The map-reduce", json: shapes.mapReduceSchema };

export function mapReduceRoutes(given: MapReduceRoutesDeps): Routes {
  const deps: Deps = { ...given, body: shapes.newBodyOf(given.settings) };
  const doc = (scope: "submit" | "read", summary: string, more: Omit<RouteDoc, "scope" | "summary" | "tag">) =>
    documented({ scope, summary, tag: "Map-reduce", ...more });
  const page = (what: string, json: z.ZodType) => ({ 200: { what, json: listSchema(json) }, 400: BAD });
  const making = { body: deps.body, replies: { 200: ONE, 400: BAD, 404: { what: "There is no such file" } } };
  const shards = {
    query: shapes.shardsQuery,
    replies: { ...page("A page of its shards", shapes.shardSchema), 404: NONE },
  };
  const again = {
    body: shapes.retryBody,
    replies: { 200: ONE, 400: BAD, 404: NONE, 409: { what: "It has not ended" } },
  };
  const stream = { what: "Its progress as server-sent events, `ended` last", type: "text/event-stream" };
  return (app) => {
    app.post(URL, doc("submit", "Make one answer of many documents", making), (request, reply) =>
      create(deps, request, reply),
    );
    app.get(
      URL,
      doc("read", "List map-reduces", {
        query: pageQuery,
        replies: page("A page of map-reduces", shapes.mapReduceSchema),
      }),
      (request, reply) => list(deps, request, reply),
    );
    app.get<One>(
      `${URL}/:id`,
      doc("read", "Look at a map-reduce", { replies: { 200: ONE, 404: NONE } }),
      async (request, reply) => {
        const found = await jobInPath<shapes.MapReduceJob>(deps, OF, "read", request, reply);
        return found === undefined ? reply : sendJob(deps, reply, found.job);
      },
    );
    app.get<One>(`${URL}/:id/shards`, doc("read", "List its shards", shards), (request, reply) =>
      listShards(deps, request, reply),
    );
    app.post<One>(
      `${URL}/:id/cancel`,
      doc("submit", "Cancel a map-reduce", { replies: { 200: ONE, 404: NONE } }),
      (request, reply) => cancel(deps, request, reply),
    );
    app.post<One>(
      `${URL}/:id/retry`,
      doc("submit", "Ask its failed shards again, and go on where it stopped", again),
      (request, reply) => retry(deps, request, reply),
    );
    app.get<One>(
      `${URL}/:id/events`,
      // A HEAD would be a stream that sends nothing.
      { ...doc("read", "Follow a map-reduce", { replies: { 200: stream, 404: NONE } }), exposeHeadRoute: false },
      async (request, reply) => {
        const found = await jobInPath<shapes.MapReduceJob>(deps, OF, "read", request, reply);
        if (found === undefined) return reply;
        return deps.events(request, reply, { tenant: found.caller.tenant, id: found.job.id, kind: "job" });
      },
    );
  };
}

async function create(deps: Deps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const named = newJobId("mr", caller.tenant, http, reply);
  if (named === undefined) return reply;
  const read = deps.body.safeParse(http.body);
  if (!read.success) return sendProblem(reply, firstProblem(read.error));
  const unknown = shapes.tierProblem(read.data, deps.tiers);
  if (unknown !== undefined) return sendProblem(reply, unknown);
  const { id, keyed } = named;
  const hash = contentHash(http.body);
  const earlier = keyed ? await deps.jobs.find(caller.tenant, KIND, id) : undefined;
  if (earlier !== undefined) return sendEarlier(deps, reply, earlier as shapes.MapReduceJob, hash);
  const input_file_id = await inputOf(deps, caller, id, read.data, reply);
  if (input_file_id === undefined) return reply;
  const spec = shapes.specOf(read.data, input_file_id, hash, deps.settings);
  const created_ms = deps.clock.now_ms();
  const state = firstState(id, spec, created_ms);
  const { tenant, key_id } = caller;
  const first = await deps.jobs.create({ id, tenant, kind: KIND, spec, state, key_id, created_ms });
  const job = (await deps.jobs.find(tenant, KIND, id)) as shapes.MapReduceJob | undefined;
  if (job === undefined) throw new Error(`the map-reduce ${id} was made and is not there`);
  return first ? sendJob(deps, reply, job) : sendEarlier(deps, reply, job, hash);
}

/** The same key again: what it made, unless something else was asked for. */
function sendEarlier(deps: Deps, reply: FastifyReply, job: shapes.MapReduceJob, hash: string): FastifyReply {
  if (job.spec.asked_hash === hash) return sendJob(deps, reply.header(...REPLAYED), job);
  return sendReusedKey(reply, OF, job.id);
}

/** The file with the documents; those in the body are put into one. @returns undefined when a refusal was sent. */
async function inputOf(
  { files }: Deps,
  { tenant }: Caller,
  id: string,
  { input_file_id, documents = [] }: shapes.NewBody,
  reply: FastifyReply,
): Promise<string | undefined> {
  if (input_file_id !== undefined) {
    const file = ID_PATTERN.test(input_file_id) ? await files.find(tenant, input_file_id) : undefined;
    if (file !== undefined) return file.id;
    sendNone(reply, "input_file_id", "there is no such file; upload it to /v1/files");
    return undefined;
  }
  const added = await files.add({ tenant, purpose: "user_data", filename: `${id}.jsonl`, content: linesOf(documents) });
  if (added.kind === "added") return added.file.id;
  const message = `documents: more than ${added.limit} (${added.bytes_max} bytes); delete files that nobody needs, or send fewer`;
  send(reply, errorReply(413, { ...failure("file_too_large", "invalid_request_error", message), param: "documents" }));
  return undefined;
}

async function* linesOf(documents: readonly unknown[]): AsyncGenerator<Uint8Array> {
  for (const document of documents) yield Buffer.from(`${JSON.stringify(document)}\n`);
}

async function list(deps: Deps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const page = await pageOfJobs<shapes.MapReduceJob>(deps, OF, http, reply);
  if (page === undefined) return reply;
  const now_ms = deps.clock.now_ms();
  const objects = page.found.map((job) => shapes.mapReduceObject(job, now_ms));
  return reply.send(listOf(objects, page.limit));
}

async function listShards(deps: Deps, http: OneJob, reply: FastifyReply): Promise<FastifyReply> {
  const found = await jobInPath<shapes.MapReduceJob>(deps, OF, "read", http, reply);
  if (found === undefined) return reply;
  const read = shapes.shardsQuery.safeParse(http.query);
  if (!read.success) return sendProblem(reply, firstProblem(read.error));
  const { limit, after, status, wave } = read.data;
  const { job } = found;
  const from = after === undefined ? 0 : Number(/^\d{1,9}$/.exec(after)?.[0] ?? Number.NaN) + 1;
  if (Number.isNaN(from))
    return sendProblem(reply, { param: "after", message: "after: must be the last_id of the page before" });
  const of_wave = job.state.waves[wave]?.wave;
  if (of_wave === undefined) return reply.send({ ...listOf([], limit) });
  const statuses = status === undefined ? undefined : [status];
  const items = await deps.jobs.results(job, of_wave, from, limit + 1, "result", statuses);
  const shards = items.map((item) => shapes.shardOf(item, wave));
  // Several may share a request: pages go by the number in the wave.
  const ends = { first_id: shards[0]?.shard, last_id: shards.slice(0, limit).at(-1)?.shard };
  const text = (number: number | undefined): string | null => (number === undefined ? null : String(number));
  return reply.send({ ...listOf(shards, limit), first_id: text(ends.first_id), last_id: text(ends.last_id) });
}

async function cancel(deps: Deps, http: OneJob, reply: FastifyReply): Promise<FastifyReply> {
  const found = await jobInPath<shapes.MapReduceJob>(deps, OF, "submit", http, reply);
  if (found === undefined) return reply;
  const { caller, job } = found;
  const now = await deps.jobs.cancel(caller.tenant, KIND, job.id, deps.clock.now_ms());
  return sendJob(deps, reply, (now as shapes.MapReduceJob | undefined) ?? job);
}

async function retry(deps: Deps, http: OneJob, reply: FastifyReply): Promise<FastifyReply> {
  const found = await jobInPath<shapes.MapReduceJob>(deps, OF, "submit", http, reply);
  if (found === undefined) return reply;
  const read = shapes.retryBody.safeParse(http.body ?? {});
  if (!read.success) return sendProblem(reply, firstProblem(read.error));
  const { caller, job } = found;
  const refuse = (status: number, code: string, message: string) =>
    send(reply, errorReply(status, { ...failure(code, "invalid_request_error", message), param: "id" }));
  if (!ENDED_STATUSES.includes(job.status)) {
    return refuse(409, "map_reduce_not_ended", "the map-reduce has not ended; wait for its end, or cancel it");
  }
  const again = retried(job, read.data, deps.clock.now_ms());
  if (again.kind === "invalid") {
    return refuse(400, "map_reduce_not_retryable", "its input could not be used; correct it and make a new map-reduce");
  }
  if (again.kind === "nothing") return refuse(400, "nothing_to_retry", "no shard of the map-reduce has failed");
  const short = budgetProblem(job, read.data);
  if (short !== undefined) return sendProblem(reply, { param: "budget_usd", message: short });
  const needed = job.state.phase === "sharding" ? job.spec.input_file_id : job.state.shards_file_id;
  if ((await deps.files.find(caller.tenant, needed)) === undefined) {
    return refuse(400, "input_file_missing", `the file ${needed} is not there any more; make a new map-reduce`);
  }
  const reopened = await deps.jobs.reopen(caller.tenant, job.id, again.state, again.status, deps.clock.now_ms());
  // Somebody else was quicker.
  const now = (await deps.jobs.find(caller.tenant, KIND, job.id)) as shapes.MapReduceJob | undefined;
  return sendJob(deps, reopened ? reply : reply.header(...REPLAYED), now ?? job);
}

/** A budget that leaves no room would end it at once. */
function budgetProblem({ state }: shapes.MapReduceJob, { budget_usd }: RetryAsk): string | undefined {
  const budget_nusd = budget_usd === undefined ? state.budget_nusd : nusd(budget_usd);
  const used_nusd = spent_nusd(state) + held_nusd(state);
  const more = state.error?.code === "budget_exhausted" ? (state.budget_nusd ?? 0) : used_nusd;
  if (budget_nusd === undefined || budget_nusd > Math.max(more, used_nusd)) return undefined;
  return `budget_usd: must be more than ${dollars(Math.max(more, used_nusd))}`;
}

function sendJob({ clock }: Deps, reply: FastifyReply, job: shapes.MapReduceJob): FastifyReply {
  return reply.send(shapes.mapReduceObject(job, clock.now_ms()));
}
