/**
 * What the mock was asked and what it gave. The words, exactly:
 * - a **call** is a POST to a model endpoint whose body passed parsing: what a provider would have billed or refused.
 *   Requests with a wrong key or a body that cannot be read are no calls (they are in `by_status`);
 * - a **billed call** is one that produced tokens. Refusals, `hang`, `garbage` and clients that leave before the first
 *   token cost nothing;
 * - tokens count what was generated: for a client that leaves in the middle, what was due until then.
 * - a **batch call** is a line of the Batch API that was run. Lines and their tokens are counted apart, in `batch_*` (their
 *   faults in `faults`); all other counts are of direct calls;
 * - a **warm-up call** (header `x-sluice-warm-up: 1`) is answered as any other and counted in `warm_up_calls` alone.
 */

import { BoundedMap } from "./bounded.ts";
import { Timeline } from "./timeline.ts";

/** Requests and caller ids that are remembered; beyond that the oldest are forgotten. */
const KEYS_MAX = 200_000;
/** Models counted by name; further ones are counted as `other`. */
const MODELS_MAX = 1_000;

export type ModelStats = { calls: number; prompt_tokens: number; completion_tokens: number };

/** The body of `GET /stats`. */
export type StatsSnapshot = {
  readonly calls: number;
  readonly billed_calls: number;
  readonly prompt_tokens: number;
  readonly cached_prompt_tokens: number;
  readonly completion_tokens: number;
  /** Calls received and not yet over, those that wait for a slot included; and the most there ever were. */
  readonly concurrency: number;
  readonly max_concurrency: number;
  /** Calls by endpoint. */
  readonly by_path: Readonly<Record<string, number>>;
  /** Answers of the model endpoints by status, as far as one was sent. */
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_model: Readonly<Record<string, ModelStats>>;
  /** Calls whose client left before the answer was complete. */
  readonly aborted: number;
  /** Injected faults by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Different requests, by hash and caller id; one forgotten among 200,000 others and seen again counts anew. */
  readonly unique_requests: number;
  /** The most calls that one request got. */
  readonly max_calls_per_request: number;
  /** Batches created, lines of them that were run, and what those used. */
  readonly batches: number;
  readonly batch_calls: number;
  readonly batch_prompt_tokens: number;
  readonly batch_cached_prompt_tokens: number;
  readonly batch_completion_tokens: number;
  readonly warm_up_calls: number;
};

/** One id that a caller sent along, and what became of it. */
export type IdCalls = { readonly id: string; readonly calls: number; readonly billed_calls: number };

/** The body of `GET /stats/calls`. */
export type CallsById = {
  /** Ids that are remembered, and how many were forgotten because there were more than 200,000. */
  readonly known: number;
  readonly forgotten: number;
  /** Ids that match, of which `ids` lists the first. */
  readonly matching: number;
  readonly ids: readonly IdCalls[];
};

export type CallStart = {
  readonly path: string;
  readonly model: string;
  /** The hash of the request. */
  readonly key: string;
  /** What the caller calls this request, if it said so. */
  readonly id: string | undefined;
  /** When it came, epoch ms. */
  readonly at_ms: number;
};

export type Tokens = {
  readonly prompt_tokens: number;
  readonly cached_prompt_tokens: number;
  readonly completion_tokens: number;
};

/** `at_ms`: when the call came. */
export type Spend = Tokens & Pick<CallStart, "model" | "id" | "at_ms">;

type Counts = Record<string, number>;
type Totals = { -readonly [K in keyof StatsSnapshot]: StatsSnapshot[K] } & {
  by_path: Counts;
  by_status: Counts;
  by_model: Record<string, ModelStats>;
  faults: Counts;
};

/** Counts in memory; every method is constant time but those that report. */
export class MockStats {
  /** Calls and tokens over time. */
  readonly timeline = new Timeline();
  #totals = emptyTotals(0);
  #forgotten_ids = 0;
  readonly #requests = new BoundedMap<number>(KEYS_MAX);
  readonly #ids = new BoundedMap<{ calls: number; billed_calls: number }>(KEYS_MAX);

  /** A call came in; returns which attempt of its request it is, from 1 (counted by id and hash when there is an id). */
  begin(call: CallStart): number {
    const totals = this.#totals;
    totals.calls += 1;
    totals.concurrency += 1;
    if (totals.concurrency > totals.max_concurrency) totals.max_concurrency = totals.concurrency;
    bump(totals.by_path, call.path);
    this.#model(call.model).calls += 1;
    this.timeline.call(call.at_ms, call.model);
    if (call.id !== undefined) this.#beginId(call.id);
    const count = this.#attempt(call.id === undefined ? call.key : `${call.key} ${call.id}`);
    if (count === 1) totals.unique_requests += 1;
    if (count > totals.max_calls_per_request) totals.max_calls_per_request = count;
    return count;
  }

  /** A batch was created. */
  batch(): void {
    this.#totals.batches += 1;
  }

  /** A line of a batch is run; returns which attempt of its request it is among all lines, from 1. */
  beginBatchCall(key: string): number {
    this.#totals.batch_calls += 1;
    return this.#attempt(`batch ${key}`);
  }

  /** Tokens were produced for a line of a batch. */
  spendInBatch(tokens: Tokens): void {
    const totals = this.#totals;
    totals.batch_prompt_tokens += tokens.prompt_tokens;
    totals.batch_cached_prompt_tokens += tokens.cached_prompt_tokens;
    totals.batch_completion_tokens += tokens.completion_tokens;
  }

  /** A call came in that only warms up. */
  warmUp(): void {
    this.#totals.warm_up_calls += 1;
  }

  /** A call is over, whatever came of it. */
  end(): void {
    this.#totals.concurrency -= 1;
  }

  status(status: number): void {
    bump(this.#totals.by_status, String(status));
  }

  fault(kind: string): void {
    bump(this.#totals.faults, kind);
  }

  aborted(): void {
    this.#totals.aborted += 1;
  }

  /** Tokens were produced: the call is billed. */
  spend(spend: Spend): void {
    const totals = this.#totals;
    totals.billed_calls += 1;
    totals.prompt_tokens += spend.prompt_tokens;
    totals.cached_prompt_tokens += spend.cached_prompt_tokens;
    totals.completion_tokens += spend.completion_tokens;
    const model = this.#model(spend.model);
    model.prompt_tokens += spend.prompt_tokens;
    model.completion_tokens += spend.completion_tokens;
    this.timeline.spend(spend.at_ms, spend.model, spend.prompt_tokens + spend.completion_tokens);
    const by_id = spend.id === undefined ? undefined : this.#ids.get(spend.id);
    if (by_id !== undefined) by_id.billed_calls += 1;
  }

  snapshot(): StatsSnapshot {
    return structuredClone(this.#totals);
  }

  /** Ids with at least `calls_min` calls; `limit` of them are listed. */
  callsById(calls_min: number, limit: number): CallsById {
    const ids: IdCalls[] = [];
    let matching = 0;
    for (const [id, counts] of this.#ids.entries()) {
      if (counts.calls < calls_min) continue;
      matching += 1;
      if (ids.length < limit) ids.push({ id, ...counts });
    }
    return { known: this.#ids.size, forgotten: this.#forgotten_ids, matching, ids };
  }

  /** Back to zero, attempts of `429:2` included; calls in flight stay in flight. */
  reset(): void {
    this.#totals = emptyTotals(this.#totals.concurrency);
    this.#forgotten_ids = 0;
    this.#requests.clear();
    this.#ids.clear();
    this.timeline.clear();
  }

  #attempt(key: string): number {
    const count = (this.#requests.get(key) ?? 0) + 1;
    this.#requests.set(key, count);
    return count;
  }

  #beginId(id: string): void {
    const known = this.#ids.get(id);
    if (known !== undefined) known.calls += 1;
    else if (this.#ids.set(id, { calls: 1, billed_calls: 0 })) this.#forgotten_ids += 1;
  }

  #model(name: string): ModelStats {
    const models = this.#totals.by_model;
    const known = models[name];
    if (known !== undefined) return known;
    const key = Object.keys(models).length < MODELS_MAX ? name : "other";
    models[key] ??= { calls: 0, prompt_tokens: 0, completion_tokens: 0 };
    return models[key];
  }
}

function emptyTotals(concurrency: number): Totals {
  return {
    calls: 0,
    billed_calls: 0,
    prompt_tokens: 0,
    cached_prompt_tokens: 0,
    completion_tokens: 0,
    concurrency,
    max_concurrency: concurrency,
    by_path: counts(),
    by_status: counts(),
    by_model: Object.create(null) as Record<string, ModelStats>,
    aborted: 0,
    faults: counts(),
    unique_requests: 0,
    max_calls_per_request: 0,
    batches: 0,
    batch_calls: 0,
    batch_prompt_tokens: 0,
    batch_cached_prompt_tokens: 0,
    batch_completion_tokens: 0,
    warm_up_calls: 0,
  };
}

/** No prototype: a model named `__proto__` is a name like any other. */
function counts(): Counts {
  return Object.create(null) as Counts;
}

function bump(record: Counts, key: string): void {
  record[key] = (record[key] ?? 0) + 1;
}
