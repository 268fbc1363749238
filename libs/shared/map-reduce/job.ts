/** A map-reduce as its job holds it: what was asked for, and what its driver knows. Pure. */
import type { JobStatus } from "../jobs/job.ts";
import { nusd } from "../money.ts";

/** How one kind of its requests is asked. */
export type Asking = {
  /** What is to be done with the text; sent as the system message. */
  readonly prompt: string;
  /** At the most one of the two; neither: the choice is the pipeline's. */
  readonly model?: string;
  readonly tier?: string;
  readonly max_output_tokens: number;
  readonly temperature?: number;
};

export type OnFailedShard = "fail" | "skip";

/** As it was asked for, with the settings' defaults of that day. */
export type MapReduceSpec = {
  readonly input_file_id: string;
  readonly map: Asking;
  readonly reduce: Asking;
  /** Answers that one reduce reads at the most. */
  readonly fan_in: number;
  /** In tokens as counted by bytes, 4 to a token. */
  readonly shard_tokens: number;
  readonly budget_usd?: number;
  readonly on_failed_shard: OnFailedShard;
  /** On every request of the job too. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long it may take, from its making or its retry. */
  readonly window_ms: number;
  /** How often a shard is asked before it counts as failed; again so often after each retry. */
  readonly tries: number;
  /** Of what was asked for: an idempotency key that comes with another one is refused. */
  readonly asked_hash: string;
};

/** A wave as it stands. The map is the first. */
export type Wave = {
  /** Of its items; a reduce that is done again has another. */
  readonly wave: number;
  readonly items: number;
  readonly succeeded: number;
  /** They failed for good. */
  readonly failed: number;
  readonly cost_nusd: number;
  /** Different requests. */
  readonly requests: number;
  /** Known once its answers have been read: those without text, those cut off by their token limit, and what was used. */
  readonly empty: number;
  readonly truncated: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
};

/** A request that is written, or to be written: its item, its try, and what it may cost at the most in nano-dollars. */
export type Written = readonly [item: number, tries: number, bound_nusd: number];

/** Where the asking of the current wave stands. Items from `cursor` on have never been asked; those below `floor` have ended. */
export type AskingState = {
  readonly floor: number;
  readonly cursor: number;
  /** Of the items below `floor`. */
  readonly succeeded: number;
  readonly failed: number;
  /** Written and without a result when last looked at. */
  readonly under_way: readonly Written[];
  /** To be written next, all of them, whatever happens: they are paid for already in the count of the budget. */
  readonly outbox?: { readonly deadline_ms: number; readonly requests: readonly Written[] };
};

/** Where the making of the next wave stands: answers of the current one, read from `from` on, and the group that is open. */
export type PlanningState = {
  readonly from: number;
  /** The next wave's number and its items so far. */
  readonly wave: number;
  readonly items: number;
  readonly open?: { readonly first: number; readonly last: number; readonly answers: number; readonly bytes: number };
};

export type InputError = { readonly code: string; readonly message: string; readonly line?: number };

export type MapReduceState = {
  readonly phase: "sharding" | "listing" | "asking" | "planning" | "done";
  readonly shards_file_id: string;
  readonly documents: number;
  /** Documents without text: passed over. */
  readonly empty_documents: number;
  readonly shards: number;
  /** Shards with the text of an earlier one, whose answer they share. */
  readonly duplicates: number;
  readonly listing?: { readonly at: number; readonly line: number; readonly item: number };
  readonly waves: readonly Wave[];
  readonly asking?: AskingState;
  readonly planning?: PlanningState;
  /** Of the next reduce. */
  readonly next_wave: number;
  /** Reduces that a retry has made worthless. */
  readonly past: { readonly cost_nusd: number; readonly requests: number };
  /** What calls with unknown answers may have cost, at the most. */
  readonly lost_nusd: number;
  readonly budget_nusd?: number;
  readonly on_failed_shard: OnFailedShard;
  readonly deadline_ms: number;
  /** From 1; every retry begins another. */
  readonly round: number;
  /** [epoch ms, items that have ended], the latest last: how fast it goes. */
  readonly samples: readonly (readonly [at_ms: number, ended: number])[];
  readonly cancels_sent?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
  /** What is wrong with the input, line by line. */
  readonly errors?: readonly InputError[];
  readonly answer?: string;
};

/** @param made_ms when the job was made. */
export function firstState(id: string, spec: MapReduceSpec, made_ms: number): MapReduceState {
  return {
    phase: "sharding",
    shards_file_id: `file-${id}-shards`,
    ...{ documents: 0, empty_documents: 0, shards: 0, duplicates: 0 },
    waves: [],
    next_wave: 1,
    past: { cost_nusd: 0, requests: 0 },
    lost_nusd: 0,
    ...(spec.budget_usd === undefined ? {} : { budget_nusd: nusd(spec.budget_usd) }),
    on_failed_shard: spec.on_failed_shard,
    deadline_ms: made_ms + spec.window_ms,
    round: 1,
    samples: [],
  };
}

export function newWave(wave: number, items: number): Wave {
  return {
    ...{ wave, items, succeeded: 0, failed: 0, cost_nusd: 0, requests: 0 },
    ...{ empty: 0, truncated: 0, prompt_tokens: 0, completion_tokens: 0 },
  };
}

export const ASKING_FIRST: AskingState = { floor: 0, cursor: 0, succeeded: 0, failed: 0, under_way: [] };

/** What its results cost. */
export function spent_nusd({ waves, past }: Pick<MapReduceState, "waves" | "past">): number {
  return waves.reduce((sum, wave) => sum + wave.cost_nusd, past.cost_nusd);
}

/** What requests that are written, or bound to be, may cost beyond that. */
export function held_nusd({ asking, lost_nusd }: Pick<MapReduceState, "asking" | "lost_nusd">): number {
  const open = [...(asking?.under_way ?? []), ...(asking?.outbox?.requests ?? [])];
  return open.reduce((sum, [, , bound_nusd]) => sum + bound_nusd, lost_nusd);
}

export type RetryAsk = {
  readonly budget_usd?: number | undefined;
  readonly on_failed_shard?: OnFailedShard | undefined;
};

export type Retried =
  | { readonly kind: "retried"; readonly status: JobStatus; readonly state: MapReduceState }
  | { readonly kind: "nothing" }
  /** Its input was refused. */
  | { readonly kind: "invalid" };

/**
 * The state from which an ended job goes on. What failed is asked again; all other answers stay. Where shards were passed over and it came
 * to its end, its reduces are done again, since their input is another.
 */
export function retried(
  job: { readonly status: JobStatus; readonly spec: MapReduceSpec; readonly state: MapReduceState },
  ask: RetryAsk,
  now_ms: number,
): Retried {
  const { spec, state } = job;
  if (state.errors !== undefined) return { kind: "invalid" };
  const [map] = state.waves;
  const budget_nusd = ask.budget_usd === undefined ? state.budget_nusd : nusd(ask.budget_usd);
  const { error: _error, answer: _answer, cancels_sent: _sent, budget_nusd: _budget, ...kept } = state;
  const again = {
    ...kept,
    ...(budget_nusd === undefined ? {} : { budget_nusd }),
    on_failed_shard: ask.on_failed_shard ?? state.on_failed_shard,
    deadline_ms: now_ms + spec.window_ms,
    round: state.round + 1,
    samples: [],
  };
  const status = map === undefined ? "validating" : "in_progress";
  if (job.status !== "completed") {
    const { asking } = state;
    // Everything is looked at again from the first item on.
    return {
      ...{ kind: "retried", status },
      state: asking === undefined ? again : { ...again, asking: { ...asking, floor: 0, succeeded: 0, failed: 0 } },
    };
  }
  if (map === undefined || map.failed === 0) return { kind: "nothing" };
  const past = state.waves
    .slice(1)
    .reduce(
      (sum, { cost_nusd, requests }) => ({ cost_nusd: sum.cost_nusd + cost_nusd, requests: sum.requests + requests }),
      state.past,
    );
  const { planning: _planning, ...rest } = again;
  const waves = [{ ...newWave(0, map.items), cost_nusd: map.cost_nusd, requests: map.requests }];
  return {
    ...{ kind: "retried", status },
    state: { ...rest, phase: "asking", waves, past, asking: { ...ASKING_FIRST, cursor: map.items } },
  };
}
