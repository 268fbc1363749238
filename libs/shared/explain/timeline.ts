/** Puts together what was found of a request. Pure. */
import type { Result } from "../events/flow.ts";
import { ORIGIN_HEADER } from "../events/headers.ts";
import { originOf } from "../events/origin.ts";
import type { TopicNames } from "../events/topics.ts";
import { usdOf } from "../money.ts";
import type { Explanation, PlaceView, Step } from "./explanation.ts";
import type { Found, FoundRow } from "./found.ts";
import { standingOf, stepsOfStates } from "./standing.ts";
import { stepsOfTimes, wayOf } from "./way.ts";

/** @returns undefined for an id that nobody knows (any more). */
export function explanationOf(names: TopicNames, found: Found): Explanation | undefined {
  const { row, live, records } = found;
  const known = row !== undefined || live?.view !== undefined || live?.seen !== undefined || records.letters.length > 0;
  if (!known) return undefined;
  const result = row?.result;
  const published_ms = records.result?.timestamp_ms;
  const way = waysOf(names, found, published_ms);
  const received_ms = result?.timing.received ?? live?.received_ms;
  const end_ms = result?.timing.completed;
  return {
    object: "explanation",
    id: found.id,
    tenant: found.tenant,
    status: result?.status ?? live?.view?.status ?? (live?.seen === undefined ? "dead_letter" : "running"),
    ...optional({ kind: row?.kind, user: row?.user, key_id: row?.kept?.key_id }),
    ...optional({ received_ms, completed_ms: end_ms }),
    ...(received_ms === undefined || end_ms === undefined ? {} : { total_ms: Math.max(0, end_ms - received_ms) }),
    ...(result?.error === undefined ? {} : { error: result.error }),
    ...(result === undefined && live !== undefined && live.view?.result === undefined
      ? { now: standingOf(names, live) }
      : {}),
    steps: [...way.steps, ...besides(found, published_ms)].toSorted((one, other) => one.at_ms - other.at_ms),
    steps_left_out: row?.kept?.trail.left_out?.count ?? 0,
    time: [...way.time],
    ...decisionOf(result),
    ...cacheOf(row),
    attempts: [...(row?.kept?.attempts ?? [])],
    attempts_total: result?.route?.attempts ?? row?.kept?.attempts.length ?? 0,
    money: moneyOf(found),
    deliveries: [...found.deliveries],
    dead_letters: [...records.letters],
    links: linksOf(found),
    notes: notesOf(found),
  };
}

function waysOf(names: TopicNames, { row, live }: Found, published_ms: number | undefined) {
  if (row === undefined) return { steps: live === undefined ? [] : stepsOfStates(live), time: [] };
  if (row.kept === undefined) return { steps: stepsOfTimes(row.result), time: [] };
  const { trail, attempts } = row.kept;
  return wayOf({ names, trail, attempts, result: row.result, published_ms });
}

/** What happened beside the hops: the Result on its topic, calls of webhooks, dead letters. */
function besides({ records, deliveries }: Found, published_ms: number | undefined): Step[] {
  const steps: Step[] = [];
  if (records.result !== undefined && published_ms !== undefined) {
    const { topic, partition, offset } = records.result;
    steps.push({ at_ms: published_ms, service: "results", what: "published", topic, partition, offset });
  }
  for (const { url, type, attempts } of deliveries) {
    for (const { at_ms, duration_ms, status, error } of attempts) {
      const what = `told ${url} of ${type}: ${status ?? error ?? "no answer"}`;
      steps.push({ at_ms, service: "webhooks", what, worked_ms: duration_ms });
    }
  }
  for (const { at_ms, code, topic, partition, offset, service } of records.letters) {
    const by = SERVICES.find((name) => name === service) ?? "operator";
    steps.push({ at_ms, service: by, what: `dead letter: ${code}`, topic, partition, offset });
  }
  return steps;
}

const SERVICES = ["ingest", "router", "inference", "results"] as const;

function decisionOf(result: Result | undefined): Pick<Explanation, "decision"> {
  const route = result?.route;
  if (route === undefined) return {};
  const { tier, model, endpoint, reason, escalated_from, prompt_version, decision } = route;
  const { cache: _, ...why } = decision ?? {};
  return { decision: { tier, model, reason, ...optional({ endpoint, escalated_from, prompt_version }), ...why } };
}

function cacheOf(row: FoundRow | undefined): Pick<Explanation, "cache"> {
  const route = row?.result.route;
  if (route === undefined) return {};
  const { candidates = [], threshold } = route.decision?.cache ?? {};
  const { fill } = row?.kept ?? {};
  const filled = fill?.store && row?.result.status === "succeeded" ? fill.entry_id : undefined;
  const told = optional({ entry: route.cache_entry, similarity: route.similarity, threshold, filled });
  return { cache: { outcome: route.cache, ...told, candidates } };
}

function moneyOf({ row, scopes, records: { ledger } }: Found): Explanation["money"] {
  const { usage } = row?.result ?? {};
  const { reservation, unknown_calls } = row?.kept ?? {};
  const end = ledger.findLast(({ kind }) => kind === "settled" || kind === "released");
  const tokens =
    usage === undefined
      ? undefined
      : {
          prompt: usage.prompt_tokens,
          cached_prompt: usage.cached_prompt_tokens,
          completion: usage.completion_tokens,
          ...optional({ reserved: reservation?.tokens }),
        };
  return {
    ...optional({
      cost_usd: usage?.cost_usd,
      price_version: usage?.price_version,
      estimated: usage?.estimated,
      tokens,
    }),
    ...optional({
      reserved_usd: reservation === undefined ? undefined : usdOf(reservation.reserved_nusd),
      settled_usd: end?.settled_usd,
      unknown_calls,
    }),
    scopes: [...scopes],
    ledger: [...ledger],
  };
}

/** Runs of a redrive and appeals are requests of their own, named after the one that they were made from. */
const RUN = /^(.+)\.(redrive\d{1,6}|appeal)$/;

function linksOf({ id, row, live, records, runs }: Found): Explanation["links"] {
  const origin = originOf(row?.origin ? { [ORIGIN_HEADER]: row.origin } : {});
  const request = origin === undefined ? live?.seen?.place : placeOf(origin);
  const replay = row?.result.replay;
  return {
    ...optional({
      request,
      outcome: row?.outcome,
      result: records.result === undefined ? undefined : placeOf(records.result),
      job: row?.job,
      corrected_by: row?.corrected_by,
      replay,
      original: replay?.of ?? RUN.exec(id)?.[1],
      traceparent: row?.kept?.traceparent,
    }),
    runs: [...runs],
  };
}

function placeOf({ topic, partition, offset }: PlaceView): PlaceView {
  return { topic, partition, offset };
}

function notesOf({ row, live, notes }: Found): string[] {
  const more: string[] = [];
  if (row !== undefined && row.kept === undefined)
    more.push("its hops and calls were not kept: it was run by an earlier version");
  const lost = (row?.result.route?.attempts ?? 0) - (row?.kept?.attempts.length ?? 0);
  if (row?.kept !== undefined && lost > 0)
    more.push(`${lost} of its calls are not listed: of many the middle ones go, and those of a worker that died`);
  if (row === undefined && live !== undefined && live.states.length === 0)
    more.push("it came by its topic: services tell of requests that the gateway took");
  return [...notes, ...more];
}

/** Without what is undefined or null. */
function optional<T extends Record<string, unknown>>(fields: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(given) as { [Name in keyof T]?: NonNullable<T[Name]> };
}
