/** The places of a request as steps: who read it there, what became of it, and how long each part took. Pure. */
import type { AttemptNote } from "../events/attempts.ts";
import type { Result } from "../events/flow.ts";
import { BATCH_SUFFIX, type TopicNames } from "../events/topics.ts";
import type { Trail, TrailHop } from "../events/trail.ts";
import type { Span, Step } from "./explanation.ts";

/** What a topic is to a request. */
type Role = "requests" | "retry" | "deferred" | "admitted" | "jobs" | "outcomes" | "other";

/** @param topic with or without the suffix of the batch lane. */
function roleOf(names: TopicNames, topic: string): { readonly role: Role; readonly tier?: string } {
  const name = topic.endsWith(BATCH_SUFFIX) ? topic.slice(0, -BATCH_SUFFIX.length) : topic;
  if (name === names.requests) return { role: "requests" };
  if (name === names.deferred) return { role: "deferred" };
  if (name === names.admitted) return { role: "admitted" };
  if (name === names.outcomes) return { role: "outcomes" };
  if (name.startsWith(names.retry(""))) return { role: "retry" };
  const jobs = names.jobs("");
  return name.startsWith(jobs) ? { role: "jobs", tier: name.slice(jobs.length) } : { role: "other" };
}

const SERVICES = {
  requests: "ingest",
  retry: "ingest",
  deferred: "ingest",
  admitted: "router",
  jobs: "inference",
  outcomes: "results",
  other: "operator",
} as const satisfies Record<Role, Step["service"]>;

export type WayInput = {
  readonly names: TopicNames;
  readonly trail: Trail;
  readonly attempts: readonly AttemptNote[];
  readonly result: Result;
  /** When the Result was written to its topic. */
  readonly published_ms: number | undefined;
};

export type Way = { readonly steps: readonly Step[]; readonly time: readonly Span[] };

/** The steps of the hops with the calls between them, in order, and where the time went. */
export function wayOf(input: WayInput): Way {
  const { trail, attempts } = input;
  const steps: Step[] = [];
  const time = new Map<Span["of"], number>();
  const add = (of: Span["of"], ms = 0): void => void time.set(of, (time.get(of) ?? 0) + Math.max(0, ms));
  for (const [at, hop] of trail.hops.entries()) {
    const { role } = roleOf(input.names, hop.topic);
    const worked_ms = workedOf(input, at);
    steps.push(stepOf(input, at, worked_ms));
    add(role === "deferred" || role === "retry" ? role : "topics", hop.waited_ms);
    if (role !== "jobs") {
      if (role !== "other") add(SERVICES[role], worked_ms);
      continue;
    }
    const calls = callsOf(attempts, hop, worked_ms);
    steps.push(...calls.map((call) => callStep(call, attempts.indexOf(call) + 1)));
    const model_ms = sum(calls.map(({ duration_ms }) => duration_ms));
    const turn_ms = sum(calls.map(({ waited_ms }) => waited_ms));
    add("model", model_ms);
    add("turn", turn_ms);
    add("inference", (worked_ms ?? 0) - model_ms - turn_ms);
  }
  return { steps, time: spansOf(time, input) };
}

/** From when it was read until what it caused was written: the next place was written when its wait began. */
function workedOf({ trail, published_ms }: WayInput, at: number): number | undefined {
  const hop = trail.hops[at] as TrailHop;
  const next = trail.hops[at + 1];
  if (trail.left_out?.after === at + 1) return undefined;
  const written_ms = next === undefined ? published_ms : next.read_ms - next.waited_ms;
  return written_ms === undefined ? undefined : Math.max(0, written_ms - hop.read_ms);
}

function stepOf(input: WayInput, at: number, worked_ms: number | undefined): Step {
  const { topic, partition, offset, read_ms, waited_ms } = input.trail.hops[at] as TrailHop;
  const { role } = roleOf(input.names, topic);
  const worked = worked_ms === undefined ? {} : { worked_ms };
  const place = { topic, partition, offset };
  return { at_ms: read_ms, service: SERVICES[role], what: whatOf(input, at, role), ...place, waited_ms, ...worked };
}

/** In words, by where it went from there. */
function whatOf({ names, trail, result }: WayInput, at: number, role: Role): string {
  const hop = trail.hops[at] as TrailHop;
  const back = hop.note === undefined ? undefined : backOf(hop.note);
  if (back !== undefined) return back;
  if (role === "outcomes") return `the Result: ${endOf(result)}`;
  const next = trail.left_out?.after === at + 1 ? undefined : trail.hops[at + 1];
  if (next === undefined) return "taken up";
  const to = roleOf(names, next.topic);
  if (to.role === "admitted") return role === "requests" ? "admitted" : "entered again, and admitted";
  if (to.role === "jobs") return role === "jobs" ? `passed on to tier ${to.tier}` : `sent to tier ${to.tier}`;
  if (to.role !== "outcomes") return `sent to ${next.topic}`;
  if (role === "admitted" && result.status === "succeeded")
    return `answered by the cache (${result.route?.cache ?? "hit"})`;
  return role === "jobs" && result.status === "succeeded" ? "answered" : endOf(result);
}

/** `deferred:<limit>:<scope>`, `retry:<code>`. */
function backOf(note: string): string {
  const [kind, why = "", scope] = note.split(":");
  if (kind === "retry") return `sent back for another round: ${why}`;
  return scope === undefined ? note : `deferred by a limit: ${why} of ${scope}`;
}

function endOf({ status, error }: Result): string {
  return error === undefined ? status : `${status}: ${error.code}`;
}

/** A call belongs to the hop during which it was sent. The clock of a hop and those of its calls are one. */
function callsOf(attempts: readonly AttemptNote[], hop: TrailHop, worked_ms: number | undefined): AttemptNote[] {
  const until_ms = hop.read_ms + (worked_ms ?? Number.POSITIVE_INFINITY);
  return attempts.filter(({ at_ms }) => at_ms >= hop.read_ms && at_ms <= until_ms);
}

function callStep(call: AttemptNote, number: number): Step {
  const { at_ms, endpoint, model, outcome, status, waited_ms, duration_ms, cost_usd } = call;
  const where = endpoint === undefined ? "no endpoint" : endpoint;
  const how = status === undefined ? outcome : `${outcome} (${status})`;
  return {
    at_ms,
    service: "inference",
    what: `call ${number} to ${where}, ${model}: ${how}`,
    waited_ms,
    worked_ms: duration_ms,
    ...(cost_usd === undefined ? {} : { details: { cost_usd } }),
  };
}

/** What no part accounts for (places that gave way, clocks that differ) is `other`. */
function spansOf(time: ReadonlyMap<Span["of"], number>, { result, published_ms, trail }: WayInput): Span[] {
  const spans = [...time].map(([of, ms]) => ({ of, ms })).filter(({ ms }) => ms > 0);
  const { received, completed } = result.timing;
  const end_ms = published_ms ?? trail.hops.at(-1)?.read_ms ?? completed;
  if (received === undefined || end_ms === undefined) return spans;
  const rest_ms = Math.round(end_ms - received - sum(spans.map(({ ms }) => ms)));
  return rest_ms > 0 ? [...spans, { of: "other", ms: rest_ms }] : spans;
}

/** Of a row without a trail: the times that its Result has. */
export function stepsOfTimes({ timing, route, status, error }: Result): Step[] {
  const { received, admitted, routed, dispatched, first_token, completed } = timing;
  const steps: [number | undefined, Step["service"], string][] = [
    [received, "gateway", "written to its topic"],
    [admitted, "ingest", "admitted"],
    [routed, "router", route === undefined ? "routed" : `sent to tier ${route.tier}`],
    [dispatched, "inference", "first call"],
    [first_token, "inference", "first token"],
    [completed, "results", error === undefined ? status : `${status}: ${error.code}`],
  ];
  return steps.flatMap(([at_ms, service, what]) => (at_ms === undefined ? [] : [{ at_ms, service, what }]));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
