/** From an outcome to the public Result and the row kept of it. Pure. */
import { ID_PATTERN } from "../../libs/shared/events/fields.ts";
import type { OutcomeHead, ResultHead } from "../../libs/shared/events/flow.ts";
import { JOB_HEADER, ORIGIN_HEADER } from "../../libs/shared/events/headers.ts";
import { originOf } from "../../libs/shared/events/origin.ts";
import { splice } from "../../libs/shared/events/splice.ts";
import { keptTrailText } from "../../libs/shared/explain/kept-trail.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import { nusd } from "../../libs/shared/money.ts";
import type { ResultRow } from "./claims.ts";

export type BuiltResult = {
  /** The Result as JSON. */
  readonly json: Buffer;
  readonly carried_at: number | undefined;
  readonly row: ResultRow;
};

/** What a tier's models do. */
export type TierKinds = Readonly<Record<string, { readonly kind: "chat" | "embeddings" }>>;

/**
 * @param response the provider's JSON, carried as bytes.
 * @param tiers of the settings: what was asked follows from the tier.
 */
export function buildResult(
  outcome: OutcomeHead,
  response: Buffer | undefined,
  headers: RecordHeaders = {},
  tiers: TierKinds = {},
): BuiltResult {
  const head = resultHeadOf(outcome);
  const spliced = response === undefined ? undefined : splice(head, "response", response);
  const json = spliced === undefined ? Buffer.from(JSON.stringify(head)) : Buffer.concat(spliced.json);
  return { json, carried_at: spliced?.carried_at, row: rowOf(outcome, json, headers, tiers) };
}

/** Without what is only ours. */
export function resultHeadOf({
  content_hash,
  reservation,
  unknown_calls,
  fill,
  complete,
  shadow,
  user,
  callback_url,
  trace,
  ...head
}: OutcomeHead): ResultHead {
  return head;
}

function rowOf(outcome: OutcomeHead, json: Buffer, headers: RecordHeaders, tiers: TierKinds): ResultRow {
  const { status, route, usage, error, timing, user } = outcome;
  const job = headers[JOB_HEADER] ?? "";
  return {
    status,
    tier: route?.tier ?? null,
    model: route?.model ?? null,
    cache: route?.cache ?? null,
    error_code: error?.code ?? null,
    prompt_tokens: usage?.prompt_tokens ?? null,
    completion_tokens: usage?.completion_tokens ?? null,
    cost_nusd: usage === undefined ? null : nusd(usage.cost_usd),
    received_ms: timing.received ?? null,
    completed_ms: timing.completed ?? timing.received ?? 0,
    // Postgres text holds no NUL; JSON text has none either, since JSON escapes it.
    result: json.toString(),
    origin: originOf(headers) === undefined ? null : (headers[ORIGIN_HEADER] ?? null),
    user: user ?? null,
    kind: route !== undefined && Object.hasOwn(tiers, route.tier) ? (tiers[route.tier]?.kind ?? null) : null,
    // Anybody may write headers on `llm.requests`: what cannot be a job's id is none.
    job: ID_PATTERN.test(job) ? job : null,
    trail: keptTrailText(outcome, headers),
  };
}
