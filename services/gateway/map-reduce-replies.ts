/** What goes in and out of the routes about map-reduces: schemas, and objects from rows. Pure. */
import { z } from "zod";
import type { JobsSettings } from "../../libs/shared/config/gateway.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { answerText } from "../../libs/shared/events/answer-text.ts";
import { metadataField, statusField } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { FieldError } from "../../libs/shared/events/validation.ts";
import { windowMs } from "../../libs/shared/jobs/batch.ts";
import { type ItemResult, JOB_STATUSES, type Job, shownStatus } from "../../libs/shared/jobs/job.ts";
import type { Asking, MapReduceSpec, MapReduceState } from "../../libs/shared/map-reduce/job.ts";
import { progressOf } from "../../libs/shared/map-reduce/progress.ts";
import { readShardName } from "../../libs/shared/map-reduce/shard-name.ts";
import { pageQuery } from "./lists.ts";

export type MapReduceJob = Job<MapReduceSpec, MapReduceState>;

const USD_MAX = 9_000_000;
const PROMPT_CHARS_MAX = 100_000;
const SHARD_TOKENS_MIN = 16;
/** Three of the 16 are the job's own. */
const METADATA_PAIRS_MAX = 13;

const askingField = z
  .strictObject({
    prompt: z.string().min(1).max(PROMPT_CHARS_MAX).describe("What is to be done with the text: the system message"),
    model: z.string().min(1).max(200).optional(),
    tier: z.string().min(1).max(64).optional(),
    max_output_tokens: z.int().positive().optional(),
    temperature: z.number().min(0).max(2).optional(),
  })
  .refine(({ model, tier }) => model === undefined || tier === undefined, "must name a model or a tier, not both");

const documentField = z.union([
  z.string(),
  z.strictObject({
    id: z
      .string()
      .min(1)
      .max(256)
      .regex(/^\P{Cc}*$/u, "must hold no control characters")
      .optional(),
    text: z.string(),
  }),
]);
const usdField = z.number().positive().max(USD_MAX);
const onFailedField = z.enum(["fail", "skip"]);

/** Bounds are the settings'. */
export function newBodyOf({ map_reduce }: Pick<JobsSettings, "map_reduce">) {
  const { documents_max, fan_in, fan_in_max, shard_tokens, shard_tokens_max } = map_reduce;
  return z
    .strictObject({
      input_file_id: z.string().min(1).max(200).optional(),
      documents: z.array(documentField).min(1).max(documents_max).optional(),
      map: askingField,
      reduce: askingField,
      fan_in: z.int().min(2).max(fan_in_max).default(fan_in),
      shard_tokens: z
        .int()
        .min(SHARD_TOKENS_MIN)
        .max(shard_tokens_max)
        .default(Math.min(shard_tokens, shard_tokens_max)),
      budget_usd: usdField.optional(),
      on_failed_shard: onFailedField.default("fail"),
      metadata: metadataField
        .refine(
          (pairs) => Object.keys(pairs).length <= METADATA_PAIRS_MAX,
          `must hold at most ${METADATA_PAIRS_MAX} pairs`,
        )
        .optional(),
      completion_window: z
        .string()
        .refine(
          (window) => windowMs(window) !== undefined,
          'must be "24h", or another number of hours (h) or minutes (m) up to a week',
        )
        .default("24h"),
    })
    .refine((body) => (body.input_file_id === undefined) !== (body.documents === undefined), {
      path: ["documents"],
      message: "must be given, or input_file_id, and not both",
    });
}
export type NewBody = z.infer<ReturnType<typeof newBodyOf>>;

export const retryBody = z.strictObject({ budget_usd: usdField.optional(), on_failed_shard: onFailedField.optional() });

export function specOf(
  body: NewBody,
  input_file_id: string,
  asked_hash: string,
  settings: JobsSettings,
): MapReduceSpec {
  const { map, reduce, fan_in, shard_tokens, budget_usd, on_failed_shard, metadata, completion_window } = body;
  const { output_tokens, tries_max } = settings.map_reduce;
  const asking = ({ prompt, model, tier, max_output_tokens, temperature }: NewBody["map"]): Asking => ({
    prompt,
    ...(model === undefined ? {} : { model }),
    ...(tier === undefined ? {} : { tier }),
    max_output_tokens: max_output_tokens ?? output_tokens,
    ...(temperature === undefined ? {} : { temperature }),
  });
  return {
    ...{ input_file_id, fan_in, shard_tokens, on_failed_shard, asked_hash },
    ...{ map: asking(map), reduce: asking(reduce) },
    ...(budget_usd === undefined ? {} : { budget_usd }),
    ...(metadata === undefined ? {} : { metadata }),
    window_ms: windowMs(completion_window) as number,
    // The first one, and so many again.
    tries: tries_max + 1,
  };
}

/** A tier or model that nobody has, said before anything is asked. */
export function tierProblem(
  { map, reduce }: Pick<NewBody, "map" | "reduce">,
  tiers: Settings["tiers"],
): FieldError | undefined {
  const chat = Object.entries(tiers).filter(([, { kind }]) => kind === "chat");
  const names = chat.map(([name]) => name);
  const models = new Set(["auto", ...names, ...chat.flatMap(([, tier]) => tier.models)]);
  for (const [field, { model, tier }] of Object.entries({ map, reduce })) {
    if (tier !== undefined && !names.includes(tier)) {
      return { param: `${field}.tier`, message: `${field}.tier: must be one of ${names.join(", ")}` };
    }
    if (model !== undefined && !models.has(model)) {
      return {
        param: `${field}.model`,
        message: `${field}.model: no tier has this model; it may be ${[...models].join(", ")}`,
      };
    }
  }
  return undefined;
}

const errorSchema = z.object({ code: z.string(), message: z.string() });
const counts = z.object({ total: z.int(), done: z.int(), failed: z.int() });

export const mapReduceSchema = z.looseObject({
  id: z.string(),
  object: z.literal("map_reduce"),
  status: z.enum(JOB_STATUSES),
  input_file_id: z.string(),
  /** Epoch seconds, as are all times. */
  created_at: z.int(),
  expires_at: z.int(),
  ended_at: z.int().nullable(),
  documents: z.object({ total: z.int(), empty: z.int(), shards: z.int(), duplicates: z.int() }),
  progress: z.object({
    text: z.string(),
    map: counts,
    waves: z.array(counts.extend({ wave: z.int() })),
    eta_s: z.number().nullable(),
  }),
  cost_usd: z.number(),
  held_usd: z.number().describe("What requests under way may cost at the most, where there is a budget"),
  budget_usd: z.number().nullable(),
  usage: z.object({
    requests: z.int(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    truncated_answers: z.int(),
  }),
  answer: z.string().nullable(),
  error: errorSchema.nullable(),
  errors: z.array(errorSchema.extend({ line: z.int().nullable() })),
  metadata: z.record(z.string(), z.string()).nullable(),
});

const seconds = (at_ms: number): number => Math.floor(at_ms / 1_000);

export function mapReduceObject(job: MapReduceJob, now_ms: number): z.infer<typeof mapReduceSchema> {
  const { id, spec, state, created_ms, ended_ms } = job;
  const { text, map, waves, eta_s, cost_usd, held_usd, budget_usd } = progressOf(job, now_ms);
  const sum = (of: "requests" | "prompt_tokens" | "completion_tokens" | "truncated"): number =>
    state.waves.reduce((total, wave) => total + wave[of], 0);
  const asked = { map: spec.map, reduce: spec.reduce, fan_in: spec.fan_in, shard_tokens: spec.shard_tokens };
  return {
    id,
    object: "map_reduce",
    status: shownStatus(job),
    input_file_id: spec.input_file_id,
    created_at: seconds(created_ms),
    expires_at: seconds(state.deadline_ms),
    ended_at: ended_ms === undefined ? null : seconds(ended_ms),
    ...asked,
    on_failed_shard: state.on_failed_shard,
    documents: {
      ...{ total: state.documents, empty: state.empty_documents },
      ...{ shards: state.shards, duplicates: state.duplicates },
    },
    progress: { text, map, waves: [...waves], eta_s },
    ...{ cost_usd, held_usd, budget_usd },
    usage: {
      requests: sum("requests") + state.past.requests,
      prompt_tokens: sum("prompt_tokens"),
      completion_tokens: sum("completion_tokens"),
      truncated_answers: sum("truncated"),
    },
    answer: state.answer ?? null,
    error: errorOf(job),
    errors: (state.errors ?? []).map(({ code, message, line }) => ({ code, message, line: line ?? null })),
    metadata: spec.metadata === undefined ? null : { ...spec.metadata },
    urls: { shards: `/v1/map-reduce/${id}/shards`, events: `/v1/map-reduce/${id}/events` },
  };
}

function errorOf({ state, error }: MapReduceJob): z.infer<typeof errorSchema> | null {
  if (state.errors === undefined) return state.error ?? error ?? null;
  return { code: "input_invalid", message: "the input cannot be used; errors says what is wrong with it" };
}

const SHARD_STATUSES = ["pending", ...statusField.options] as const;

export const shardsQuery = pageQuery.extend({
  status: z.enum(SHARD_STATUSES).optional(),
  /** 0 is the map; the reduces are from 1. */
  wave: z.coerce.number().int().min(0).max(1_000).default(0),
});

export const shardSchema = z.object({
  id: z.string().describe("Of its request; shards with the same text share it"),
  object: z.literal("map_reduce.shard"),
  wave: z.int(),
  /** From 0. */
  shard: z.int(),
  /** Of the map: the document's number, from 1, its id, and which part of it. */
  document: z.int().nullable(),
  document_id: z.string().nullable(),
  part: z.int().nullable(),
  status: z.enum(SHARD_STATUSES),
  tries: z.int(),
  tier: z.string().nullable(),
  cache: z.string().nullable(),
  cost_usd: z.number().nullable(),
  answer: z.string().nullable(),
  error: errorSchema.nullable(),
});

/** @param wave as people count them. */
export function shardOf(item: ItemResult, wave: number): z.infer<typeof shardSchema> {
  const result = item.result === undefined ? undefined : (JSON.parse(item.result) as Result);
  const name = readShardName(item.custom_id ?? "");
  const { code, message } = result?.error ?? {};
  return {
    id: item.request_id,
    object: "map_reduce.shard",
    wave,
    shard: item.item,
    document: name?.document ?? null,
    document_id: name?.document_id ?? null,
    part: name?.part ?? null,
    status: (item.status as (typeof SHARD_STATUSES)[number] | undefined) ?? "pending",
    tries: item.tries,
    tier: result?.route?.tier ?? null,
    cache: result?.route?.cache ?? null,
    cost_usd: result?.usage?.cost_usd ?? null,
    answer: item.status === "succeeded" ? (answerText(result?.response) ?? "") : null,
    error: code === undefined || message === undefined ? null : { code, message },
  };
}
