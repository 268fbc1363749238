/**
 * The router: one admitted request in; an answer from the cache, a job for a tier, or a refusal out. Called for one record at a time,
 * many in flight, in order per key: what they ask of Redis, the embedder and Kafka at the same time goes together.
 */
import type { Clock } from "../../libs/shared/clock.ts";
import type { CacheSettings } from "../../libs/shared/config/cache.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import type { Decision, ResultError, Route } from "../../libs/shared/events/fields.ts";
import { type AdmittedHead, admittedHead, type JobHead } from "../../libs/shared/events/flow.ts";
import { travellingHeaders } from "../../libs/shared/events/headers.ts";
import { readHop } from "../../libs/shared/events/hop.ts";
import { outcomeRecord } from "../../libs/shared/events/outcomes.ts";
import { unknownCallsOf } from "../../libs/shared/events/redelivery.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { inLane, type TopicNames } from "../../libs/shared/events/topics.ts";
import { passed } from "../../libs/shared/events/trail.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { InRecord, OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { isFollowed, type Tell } from "../../libs/shared/redis/request-events.ts";
import type { RequestFacts } from "../../libs/shared/routing/facts.ts";
import { parseTraceparent } from "../../libs/shared/tracing/trace-context.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";
import type { CacheHit, CacheMiss } from "./cache/contract.ts";
import { cacheOf, hitEnding, notCachedError, routeOfJob } from "./endings.ts";
import { type ReadRequest, readRequest } from "./reading.ts";
import type { Routing } from "./route.ts";

/** What became of a request, for metrics. */
export type RouterEnd = {
  readonly cache: "exact" | "semantic" | "coalesced" | "miss" | "bypass";
  /** The tier of its job; undefined without one. */
  readonly tier?: string;
  /** What decided the tier. */
  readonly by?: Decision["by"];
};

/** What the cache says; `why` it was not asked. */
export type LookedUp = CacheHit | CacheMiss | { readonly kind: "bypass"; readonly why: string };

export type RouterDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly settings: Pick<CacheSettings, "request_bytes_max">;
  readonly lookUp: (head: AdmittedHead, read: ReadRequest, stopping: AbortSignal) => Promise<LookedUp>;
  readonly choose: (ask: RouteQuestion) => Promise<Routing>;
  /** A run for real of what was answered by meaning; undefined where this one is not looked at. */
  readonly check: (head: AdmittedHead, request: Buffer, hit: CacheHit) => OutRecord | undefined;
  readonly ended: (end: RouterEnd) => void;
  /** Of requests that somebody may follow. Left out: nobody is told. */
  readonly tell?: Tell;
  /** Whose spans are told what became of their requests. */
  readonly tracing?: Tracing;
};

/** What a tier is chosen by. */
export type RouteQuestion = {
  readonly head: AdmittedHead;
  readonly facts: RequestFacts | undefined;
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly request_bytes: number;
  /** Of the last user turn, where the cache has embedded it. */
  readonly vector: Float32Array | undefined;
};

type Asked = { readonly record: InRecord; readonly head: AdmittedHead; readonly request: Buffer };

export function createRouterHandler(deps: RouterDeps): Handler {
  return async (records, { stopping }) => {
    await Promise.all(
      records.map(async (record) => deps.publisher.publish(await consequences(deps, record, stopping))),
    );
  };
}

async function consequences(deps: RouterDeps, fetched: InRecord, stopping: AbortSignal): Promise<OutRecord[]> {
  const record = passed(fetched, deps.clock.now_ms());
  const hop = await readHop(deps.codec, record, "request", admittedHead.parse);
  if (!hop.ok) return [deadLetter(deps.dead_letters, hop.record, hop.code, hop.message)];
  const { head, carried: request } = hop;
  if (request === undefined) {
    return [deadLetter(deps.dead_letters, record, "event_invalid", "the admitted event carries no request")];
  }
  const asked = { record, head, request };
  const read = readRequest(head.kind, request, deps.settings.request_bytes_max);
  const looked = await deps.lookUp(head, read, stopping);
  noteLook(deps, asked, looked);
  if (looked.kind === "hit") {
    await tellRoute(deps, asked, { tier: looked.answer.tier, model: looked.answer.model, cache: looked.how });
    return answered(deps, asked, looked);
  }
  if (head.cache?.mode === "only") return [refused(deps, asked, looked, notCachedError(looked))];
  const vector = looked.kind === "miss" ? looked.vector : undefined;
  const routing = await deps.choose({ ...read, head, request_bytes: request.length, vector });
  if (routing.kind === "refused") return [refused(deps, asked, looked, routing.error)];
  await tellRoute(deps, asked, { ...routing.route, cache: cacheOf(looked) });
  deps.tracing?.spanOf(record.headers)?.set({
    "sluice.tier": routing.route.tier,
    "sluice.model": routing.route.model,
    "sluice.decision": routing.route.decision?.by,
  });
  return [job(deps, asked, routing.route, looked)];
}

/** An answer that another request got is linked with that request's trace. */
function noteLook({ tracing }: RouterDeps, { record, head }: Asked, looked: LookedUp): void {
  const span = tracing?.spanOf(record.headers);
  if (span === undefined) return;
  span.set({ "sluice.request.id": head.id, "sluice.tenant": head.tenant, "sluice.cache": cacheOf(looked) });
  const from = looked.kind === "hit" ? parseTraceparent(looked.answer.traceparent) : undefined;
  if (from !== undefined) span.link(from, "cache");
}

async function tellRoute(
  { tell }: RouterDeps,
  { record, head: { tenant, id } }: Asked,
  { tier, model, cache }: Pick<Route, "tier" | "model" | "cache">,
): Promise<void> {
  if (isFollowed(record.headers)) await tell?.([{ tenant, id, state: { state: "routed", tier, model, cache } }]);
}

/** From the cache: nothing is called, nothing is used. */
function answered(deps: RouterDeps, { record, head, request }: Asked, hit: CacheHit): OutRecord[] {
  const routed = deps.clock.now_ms();
  const timing = { ...head.timing, routed, completed: routed };
  // Calls of earlier rounds may be billed all the same (I4).
  const unknown_calls = unknownCallsOf(record.headers);
  const lost = unknown_calls === 0 ? {} : { unknown_calls };
  const outcome = outcomeRecord(deps, record, head, { ...hitEnding(hit), timing, ...lost }, hit.answer.response);
  const check = deps.check(head, request, hit);
  deps.ended({ cache: hit.how });
  return check === undefined ? [outcome] : [outcome, check];
}

/** Whoever waits for its answer is told that there is none: the outcome has the fill. */
function refused(deps: RouterDeps, { record, head }: Asked, looked: LookedUp, error: ResultError): OutRecord {
  const routed = deps.clock.now_ms();
  const timing = { ...head.timing, routed, completed: routed };
  deps.ended({ cache: cacheOf(looked) });
  return outcomeRecord(deps, record, { ...head, ...fillOf(looked) }, { status: "rejected", error, timing });
}

function job(deps: RouterDeps, { record, head, request }: Asked, chosen: Route, looked: LookedUp): OutRecord {
  const route = routeOfJob(chosen, looked);
  const { cache, decision } = route;
  const timing = { ...head.timing, routed: deps.clock.now_ms() };
  const job: JobHead = { ...head, route, ...fillOf(looked), timing };
  const topic = inLane(deps.names.jobs(route.tier), head.lane);
  const { json, carried_at } = splice(job, "request", request);
  const headers = { ...travellingHeaders(record.headers), [CARRIED_AT_HEADER]: String(carried_at) };
  deps.ended({ cache, tier: route.tier, ...(decision === undefined ? {} : { by: decision.by }) });
  return { topic, key: record.key, value: deps.codec.encode(topic, ...json), headers };
}

function fillOf(looked: LookedUp): Pick<JobHead, "fill"> {
  return looked.kind === "miss" && looked.fill !== undefined ? { fill: looked.fill } : {};
}
