/** From a recorded request to the job that is called with it, or to why it is not. Wires what ingest, router and estimate decide. */
import { contentHash } from "../../../libs/shared/canonical.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Encodings } from "../../../libs/shared/estimate/encodings.ts";
import type { EstimateInput } from "../../../libs/shared/estimate/estimate.ts";
import type { CacheFill } from "../../../libs/shared/events/cache.ts";
import type { ResultError, Route } from "../../../libs/shared/events/fields.ts";
import type { AdmittedHead, JobHead } from "../../../libs/shared/events/flow.ts";
import { traceHeaders } from "../../../libs/shared/events/headers.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import type { Request } from "../../../libs/shared/events/request.ts";
import type { Replay } from "../../../libs/shared/replay/replay.ts";
import { linkHeader } from "../../../libs/shared/tracing/trace-context.ts";
import { type Admission, admit } from "../../ingest/admission.ts";
import type { RouteQuestion } from "../../router/handler.ts";
import { type ReadRequest, readRequest } from "../../router/reading.ts";
import type { Routing } from "../../router/route.ts";
import type { Recorded } from "../contract.ts";
import { boundOf } from "./bound.ts";
import type { JobOfReplay } from "./one-job.ts";
import { namedRoute, recordedRoute, routeProblem, type Target } from "./target.ts";

export type PlanDeps = {
  readonly replay: Pick<Replay, "id" | "spec">;
  readonly target: Target;
  /** What is called: the deployed settings, or those that the replay brings. */
  readonly settings: Settings;
  /** A tenant's; undefined for one that nobody knows (any more). */
  readonly tenantPlan: (tenant: string) => EstimateInput["plan"] | undefined;
  readonly encodings: Encodings;
  readonly choose: (question: RouteQuestion) => Promise<Routing>;
  /** Where the answer goes in the cache; undefined where it is not to be kept. */
  readonly fillOf: (head: AdmittedHead, read: ReadRequest) => CacheFill | undefined;
};

export type Planned =
  | { readonly kind: "without_record" }
  | { readonly kind: "refused"; readonly head: AdmittedHead; readonly error: ResultError }
  | {
      readonly kind: "call";
      /** As ingest has it now. */
      readonly head: AdmittedHead;
      readonly job: JobOfReplay;
      /** What it may cost, where no answer is lost. */
      readonly most_nusd: number;
    };

export async function planOf(deps: PlanDeps, recorded: Recorded, now_ms: number): Promise<Planned> {
  const json = recorded.request === undefined ? undefined : parseJson(recorded.request);
  if (!isObject(json)) return { kind: "without_record" };
  const admission = admitted(deps, recorded, json, now_ms);
  if (admission.kind === "refuse") {
    const { identity, error, told } = admission;
    const { content_hash } = identity;
    const timing = { received: now_ms };
    const head = { ...named(recorded), content_hash, kind: "chat", lane: "batch", ...told, timing } as const;
    return { kind: "refused", head, error };
  }
  const head = headOf(recorded, admission.head, json, now_ms);
  const bytes_max = Number.POSITIVE_INFINITY;
  const request = requestOf(json as Request);
  const carried = Buffer.from(JSON.stringify(request));
  const read = readRequest(head.kind, carried, bytes_max);
  const routed = await routeOf(deps, recorded, { ...read, head, request_bytes: carried.length, vector: undefined });
  if (routed.kind === "refused") return { kind: "refused", head, error: routed.error };
  return planned(deps, { recorded, head, request, carried, read }, { ...routed.route, cache: "bypass" });
}

type Around = {
  readonly recorded: Recorded;
  readonly head: AdmittedHead;
  readonly request: Request;
  readonly carried: Buffer;
  readonly read: ReadRequest;
};

function planned(deps: PlanDeps, { recorded, head, request, carried, read }: Around, route: Route): Planned {
  const { settings, encodings, replay } = deps;
  const by = route.decision?.by;
  const bound = boundOf({
    head,
    tier: route.tier,
    climbs: by !== undefined && by !== "asked" && by !== "shadow",
    body: request.body,
    limits: request.limits,
    plan: deps.tenantPlan(head.tenant) ?? {},
    settings,
    encodings,
  });
  if (bound.unpriced !== undefined && settings.admission.unknown_price === "refuse") {
    const message = `model ${bound.unpriced} has no price, and the replay has a budget; add it to prices.models`;
    const error = { code: "price_unknown", type: "invalid_request_error", message, param: "body.model" };
    return { kind: "refused", head, error };
  }
  const { topic, partition, offset } = recorded.source;
  const { most_nusd, tokens, output_tokens_max } = bound;
  const fill = replay.spec.fill_cache === true ? deps.fillOf(head, read) : undefined;
  const job: JobHead = {
    ...head,
    // Its own in the attempt ledger: neither the original nor another replay has this name.
    id: `${replay.id}.${topic}.${partition}.${offset}`,
    route,
    reservation: {
      hold_id: "replay",
      reserved_nusd: most_nusd,
      tokens,
      counters: [],
      at_ms: head.timing.received ?? 0,
    },
    tiers: [...bound.tiers],
    ...(output_tokens_max === undefined ? {} : { max_output_tokens: output_tokens_max }),
    ...(fill === undefined ? {} : { fill }),
  };
  const { source, headers } = recorded;
  return {
    kind: "call",
    head,
    job: {
      head: job,
      request: carried,
      source,
      headers: { ...traceHeaders(headers), ...linkHeader("replay", headers) },
    },
    most_nusd,
  };
}

/** By what ingest says of it now, whatever the time: its deadline has passed long ago. */
function admitted(
  { tenantPlan }: PlanDeps,
  { source, received_ms }: Recorded,
  json: Record<string, unknown>,
  now_ms: number,
): Admission {
  const knowsTenant = (tenant: string): boolean => tenantPlan(tenant) !== undefined;
  const { topic, partition, offset } = source;
  const arrival = { topic, partition, offset, timestamp_ms: received_ms };
  const admission = admit(json, arrival, { now_ms: 0, knowsTenant, lane: "batch", reentry: true });
  if (admission.kind === "refuse") return admission;
  return { ...admission, head: { ...admission.head, timing: { received: now_ms, admitted: now_ms } } };
}

/** Times are the run's own. Nobody waits for it, and none of its answers come from the cache. */
function headOf(
  recorded: Recorded,
  { deadline_ms: _, ...head }: AdmittedHead,
  json: Record<string, unknown>,
  now_ms: number,
): AdmittedHead {
  const timing = { received: now_ms, admitted: now_ms, routed: now_ms };
  return { ...head, ...named(recorded), lane: "batch", content_hash: contentHash(json), timing };
}

function named({ tenant, id }: Recorded): Pick<AdmittedHead, "tenant" | "id"> {
  return { tenant, id };
}

/** Nothing is streamed. */
function requestOf(json: Request): Request {
  const { stream: _, stream_options: __, ...body } = json.body as Record<string, unknown>;
  return { ...json, body: body as Request["body"] };
}

async function routeOf(deps: PlanDeps, recorded: Recorded, question: RouteQuestion): Promise<Routing> {
  const { target, settings } = deps;
  const original = recorded.original?.route ?? recorded.outcome?.head.route;
  const route =
    target.kind === "named"
      ? namedRoute(target, settings)
      : target.kind === "recorded"
        ? recordedRoute(original)
        : undefined;
  if (route === undefined) return deps.choose(question);
  const error = routeProblem(route, question.head.kind, settings);
  return error === undefined ? { kind: "routed", route } : { kind: "refused", error };
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
