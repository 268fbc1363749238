/** Wires ingest: llm.requests, llm.retry.*, llm.deferred and llm.usage in; llm.admitted, llm.outcomes, llm.deferred, llm.usage and llm.dlq out. */
import { Counter } from "prom-client";
import { systemClock } from "../../libs/shared/clock.ts";
import { KEY_HEADER } from "../../libs/shared/events/headers.ts";
import { parseDelay } from "../../libs/shared/events/redelivery.ts";
import type { Consumption } from "../../libs/shared/kafka/consumption.ts";
import { waitHistogram } from "../../libs/shared/metrics/waits.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { RedisJobViews } from "../../libs/shared/redis/job-views.ts";
import type { Tell } from "../../libs/shared/redis/request-events.ts";
import { requestStates } from "../../libs/shared/redis/request-states.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import {
  bothLanes,
  deadLetterWriter,
  joinGroup,
  observeConsumption,
  runService,
  type ServiceContext,
} from "../../libs/shared/service.ts";
import { traced } from "../../libs/shared/tracing/traced-handler.ts";
import { callbackCheck } from "../../libs/shared/webhooks/url-rules.ts";
import { type AdmissionParts, joinLedger, startAdmission } from "./admission-parts.ts";
import { observeBudgetsLeft } from "./budgets-left.ts";
import { Deferrals } from "./deferral.ts";
import { createDeferredHandler } from "./deferred.ts";
import { deferredWait } from "./deferred-wait.ts";
import { createIngestHandler, type IngestDeps } from "./handler.ts";
import { principalProblem } from "./principals.ts";
import { createReentryHandler, REENTRY_IN_FLIGHT_MAX } from "./reentry.ts";
import { termsOf } from "./terms.ts";

const HOUR_MS = 3_600_000;

await runService("ingest", process.env, async (context) => {
  const { settings, log, environment } = context;
  const group = `${settings.consumption.group_prefix}ingest`;
  const redis = connectRedis(environment.redis, context.instance, log, settings.redis.key_prefix);
  await untilAvailable(context.retry, "redis", () => redisReady(redis, 1_000));
  const parts = await startAdmission(context, redis, process.env);
  const views = new RedisJobViews(redis, settings.results.job_view_ttl_hours * HOUR_MS);
  const tell = requestStates(redis, settings).quietly(log);
  const depsOf = dependencies(context, parts, views, tell);
  const ledger = `${group}.ledger`;
  const deferred = `${group}.deferred`;
  const joining = new Map<string, Promise<Consumption>>([
    [group, joinFirst(context, group, depsOf(group, "first"))],
    [ledger, joinLedger(context, ledger, parts)],
    [deferred, joinDeferred(context, deferred, depsOf(deferred, "deferred"))],
    ...settings.topics.retry_delays.map((delay): [string, Promise<Consumption>] => {
      const of_group = `${group}.retry.${delay}`;
      return [of_group, joinReentry(context, of_group, delay, depsOf(of_group, delay))];
    }),
  ]);
  const consumptions = await Promise.all(joining.values());
  observeConsumption(context, new Map([...joining.keys()].map((name, at) => [name, consumptions[at] as Consumption])));
  return {
    ready: async () => [
      ...(consumptions.every(({ joined }) => joined) ? [] : ["not yet a member of its group"]),
      ...(redis.status === "ready" ? [] : ["redis is away"]),
      ...parts.problems(),
    ],
    async stop() {
      await Promise.all(consumptions.map((one) => one.drain(settings.consumption.drain_deadline_ms)));
      await parts.stop();
      redis.disconnect();
    },
  };
});

/** What the handler of each group is made from; groups differ in where their records come from. */
function dependencies(
  context: ServiceContext,
  parts: AdmissionParts,
  views: RedisJobViews,
  tell: Tell,
): (group: string, entry: string) => IngestDeps {
  const { settings, names, codec, producer, metrics, log } = context;
  const { plans, encodings, store, alerts, keeper } = parts;
  const { admission } = settings;
  const outcomes = new Counter({
    name: "sluice_ingest_requests_total",
    help: "Requests read, by what became of them and where they were read: first, deferred, or the retry topic's delay",
    labelNames: ["outcome", "entry"],
    registers: [metrics],
  });
  const unbudgeted = new Counter({
    name: "sluice_unbudgeted_requests_total",
    help: "Requests admitted without budgets and limits, because their counters were away",
    registers: [metrics],
  });
  const lowered = new Counter({
    name: "sluice_tier_lowered_total",
    help: "Requests whose budgets left room for the weakest tier alone",
    registers: [metrics],
  });
  const { tenants_max } = settings.observation;
  const asked = observeBudgetsLeft(metrics, { tenants_max, store, plans, clock: systemClock, log });
  const deferrals = new Deferrals();
  const callbackProblem = callbackCheck(settings.webhooks, context.environment.secret_key);
  return (group, entry) => ({
    codec,
    publisher: producer,
    clock: systemClock,
    names,
    store,
    dead_letters: deadLetterWriter(context, group),
    reentry: entry !== "first",
    knowsTenant: (tenant) => plans.of(tenant) !== undefined,
    terms({ head, request }, record) {
      asked(head.tenant);
      const plan = plans.of(head.tenant);
      if (plan === undefined) throw new Error(`no plan of ${head.tenant}`);
      const now_ms = systemClock.now_ms();
      return termsOf(request, head, plan, { now_ms, settings, encodings, key_id: record.headers[KEY_HEADER] });
    },
    callbackProblem,
    principalProblem: ({ headers }, tenant) => principalProblem(admission.principals, headers, tenant),
    without_redis: admission.without_redis,
    lease_ms: admission.lease_ms,
    onLost: () => keeper.lost(),
    onCrossings: (crossings) => alerts.crossings(crossings),
    onUnbudgeted: (requests) => unbudgeted.inc(requests),
    deferUntil({ head, request }, subjects, refusal) {
      const facts = { refusal, on_limit: request.on_limit, lane: head.lane, deadline_ms: head.deadline_ms };
      const now_ms = systemClock.now_ms();
      return deferrals.defer(subjects, { ...facts, now_ms, settings: admission.deferred })?.due_ms;
    },
    tell,
    ...(context.tracing === undefined ? {} : { tracing: context.tracing }),
    // Only a view: the record waits on its topic whether this is written or not.
    onDeferred: (jobs) =>
      views.deferred(jobs, systemClock.now_ms()).catch((error: unknown) => {
        log.debug({ error }, "the views of deferred requests could not be written");
      }),
    count: (outcome) => outcomes.inc({ outcome, entry }),
    onLowered: () => lowered.inc(),
  });
}

function joinFirst(context: ServiceContext, group: string, deps: IngestDeps): Promise<Consumption> {
  return joinGroup(context, {
    group,
    topics: bothLanes(context.names, context.names.requests),
    order: "fetch",
    commit_by: "engine",
    max_in_flight: 1,
    batch_records_max: context.settings.consumption.batch_records_max,
    is_hop: true,
    handler: createIngestHandler(deps),
  });
}

function joinReentry(context: ServiceContext, group: string, delay: string, deps: IngestDeps): Promise<Consumption> {
  const { delay_ms } = parseDelay(delay);
  return joinGroup(withShare(context), {
    group,
    topics: { [context.names.retry(delay)]: "interactive" },
    order: "fetch",
    commit_by: "engine",
    max_in_flight: REENTRY_IN_FLIGHT_MAX,
    batch_records_max: 1,
    handler: createReentryHandler({
      clock: systemClock,
      delay_ms,
      // The wait is no part of the span.
      enter: traced(context.tracing, { group, log: context.log, comes_back: "retry" }, createIngestHandler(deps)),
    }),
  });
}

function joinDeferred(context: ServiceContext, group: string, deps: IngestDeps): Promise<Consumption> {
  const { waiting_max, wait_ms_max } = context.settings.admission.deferred;
  const looked_at = new Counter({
    name: "sluice_deferred_total",
    help: "Deferred requests that waited, by what followed: entered again, or put back to wait on",
    labelNames: ["fate"],
    registers: [context.metrics],
  });
  const waits = waitHistogram(context.metrics);
  return joinGroup(withShare(context), {
    group,
    topics: { [context.names.deferred]: "interactive" },
    order: "fetch",
    commit_by: "engine",
    max_in_flight: waiting_max,
    batch_records_max: 1,
    handler: createDeferredHandler({
      clock: systemClock,
      publisher: context.producer,
      wait_ms_max,
      enter: traced(context.tracing, { group, log: context.log, comes_back: "deferral" }, createIngestHandler(deps)),
      count(fate, record) {
        looked_at.inc({ fate });
        const waited = fate === "entered" ? deferredWait(record.headers, systemClock.now_ms()) : undefined;
        if (waited !== undefined) waits.observe({ reason: waited.reason }, waited.waited_ms / 1_000);
      },
    }),
  });
}

/** The topics of what comes back together hold as many bytes as one other group may: their records only wait. */
function withShare(context: ServiceContext): ServiceContext {
  const { consumption, topics } = context.settings;
  const share = (bytes: number): number => Math.ceil(bytes / (topics.retry_delays.length + 1));
  const limits = {
    queued_bytes_max: share(consumption.queued_bytes_max),
    in_flight_bytes_max: share(consumption.in_flight_bytes_max),
  };
  return { ...context, settings: { ...context.settings, consumption: { ...consumption, ...limits } } };
}
