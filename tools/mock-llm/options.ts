/** The settings of a mock server, what they default to, and what can change while it runs. */

import { z } from "zod";
import { DIMENSIONS_DEFAULT } from "./embeddings.ts";
import { type Fault, parseFault } from "./faults.ts";
import { PREFIX_CACHE_DEFAULTS } from "./prefix-cache.ts";

/** What `startMockLlm` takes; everything has a default. */
export type MockLlmOptions = {
  /** Where to listen; loopback unless told otherwise. */
  readonly host?: string | undefined;
  /** 0 (the default in process) picks a free port. */
  readonly port?: number | undefined;
  /** Answers, embeddings and random faults follow from it. */
  readonly seed?: number | undefined;
  /** Time to first token of a prompt that is not cached; 20 by default. */
  readonly ttft_ms?: number | undefined;
  /** Time between two tokens; 0 by default. */
  readonly itl_ms?: number | undefined;
  /** Time of a whole answer, instead of the two above. */
  readonly latency_ms?: number | undefined;
  /** Calls answered at the same time; others wait in line (10,000 at most, then 503). No limit by default. */
  readonly concurrency?: number | undefined;
  /** Requests a minute and model; no limit by default. */
  readonly rpm?: number | undefined;
  /** Tokens a minute and model: of the prompt, plus `max_tokens` where given. No limit by default. */
  readonly tpm?: number | undefined;
  /** Share of calls that go wrong, 0 to 1. */
  readonly fault_rate?: number | undefined;
  /** The faults to choose from when a call goes wrong; 429 and 500 by default. */
  readonly faults?: readonly Fault[] | undefined;
  /** Time of a whole batch of the Batch API; 200 by default. */
  readonly batch_latency_ms?: number | undefined;
  /** A JSONL file of recorded answers. */
  readonly recorded?: string | undefined;
  /** Models that speak with `weak_response`, and with `strong_response`, of the recorded answers. */
  readonly weak_models?: readonly string[] | undefined;
  readonly strong_models?: readonly string[] | undefined;
  /** When given, any other key is refused with 401. */
  readonly api_key?: string | undefined;
  /** When given, any other model is refused with 404. */
  readonly models?: readonly string[] | undefined;
  /** Size of embeddings that ask for none. */
  readonly dimensions?: number | undefined;
  /** Prompts shorter than this are not cached. */
  readonly cache_min_tokens?: number | undefined;
};

/** What `POST /mock/faults` changes while the server runs. */
export type Behaviour = {
  ttft_ms: number;
  itl_ms: number;
  latency_ms: number | undefined;
  fault_rate: number;
  faults: readonly Fault[];
  /** Of a whole batch, from its creation to its end. A batch keeps the behaviour it was created under. */
  batch_latency_ms: number;
  /** Share of a batch's lines that end in the error file with a 500. */
  batch_line_error_rate: number;
  /** A batch expires when this share of its lines is done, 0 to 1; undefined: it does not. */
  batch_expire_after: number | undefined;
};

/** Models that `GET /v1/models` lists when none were named. */
export const MODELS_DEFAULT = ["mock-small", "mock-large", "mock-embedding"] as const;
export const DEFAULTS = {
  host: "127.0.0.1",
  seed: 1,
  ttft_ms: 20,
  itl_ms: 0,
  fault_rate: 0,
  faults: [429, 500] as readonly Fault[],
  batch_latency_ms: 200,
  dimensions: DIMENSIONS_DEFAULT,
  cache_min_tokens: PREFIX_CACHE_DEFAULTS.min_tokens,
} as const;

/** The behaviour a server starts with. */
export function initialBehaviour(options: MockLlmOptions): Behaviour {
  return {
    ttft_ms: options.ttft_ms ?? DEFAULTS.ttft_ms,
    itl_ms: options.itl_ms ?? DEFAULTS.itl_ms,
    latency_ms: options.latency_ms,
    fault_rate: options.fault_rate ?? DEFAULTS.fault_rate,
    faults: options.faults ?? DEFAULTS.faults,
    batch_latency_ms: options.batch_latency_ms ?? DEFAULTS.batch_latency_ms,
    batch_line_error_rate: 0,
    batch_expire_after: undefined,
  };
}

const MS = z.number().min(0).max(3_600_000);
const SHARE = z.number().min(0).max(1);
const FAULT = z.union([z.string(), z.number()]).transform((value, context) => {
  const fault = parseFault(String(value));
  if (fault !== undefined) return fault;
  context.addIssue({ code: "custom", message: `unknown fault '${value}'` });
  return z.NEVER;
});
const PATCH = z.strictObject({
  ttft_ms: MS.optional(),
  itl_ms: MS.optional(),
  /** Null takes it away. */
  latency_ms: MS.nullable().optional(),
  fault_rate: SHARE.optional(),
  faults: z.array(FAULT).max(100).optional(),
  batch_latency_ms: MS.optional(),
  batch_line_error_rate: SHARE.optional(),
  /** Null takes it away. */
  batch_expire_after: SHARE.nullable().optional(),
});

/** The behaviour after a change, or what is wrong with the change. */
export function patchBehaviour(behaviour: Behaviour, patch: unknown): Behaviour | string {
  const read = PATCH.safeParse(patch);
  if (!read.success) return read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  const { latency_ms, batch_expire_after, ...rest } = read.data;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return {
    ...behaviour,
    ...(Object.fromEntries(given) as Partial<Behaviour>),
    latency_ms: latency_ms === undefined ? behaviour.latency_ms : (latency_ms ?? undefined),
    batch_expire_after:
      batch_expire_after === undefined ? behaviour.batch_expire_after : (batch_expire_after ?? undefined),
  };
}
