/** What became of a run's requests: counts, figures and steps, in bounded memory. Those of several workers add up. Pure. */
import { type FigureName, FigureSet } from "./figures.ts";
import { type Step, Steps } from "./steps.ts";

/** A good answer. Times in ms. */
export type Answer = {
  readonly text: string;
  /** Epoch ms. */
  readonly ended_ms: number;
  readonly cost_nusd: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** `exact`, `semantic`, `coalesced`, `miss` or `bypass`. */
  readonly cache: string | undefined;
  readonly tokens_per_s: number | undefined;
};

/** By the pipeline's own clock, of a Result. */
export type PipelineTimes = { readonly whole_ms: number; readonly first_token_ms: number | undefined };

/** Codes that are told apart; further ones count as `other`. */
const CODES_MAX = 50;
const OTHER = "other";
const HITS = ["exact", "semantic", "coalesced"];

export const COUNTS = [
  ...[
    "asked",
    "not_sent",
    "sent",
    "answered",
    "failed",
    "timed_out",
    "interrupted",
    "late",
    "hits",
    "topic_sent",
    "topic_answered",
  ],
  ...["prompt_tokens", "completion_tokens", "cost_nusd", "sessions_begun", "sessions_ended", "sessions_broken"],
] as const;

export type Counts = {
  /** Requests that were due. */
  readonly asked: number;
  /** Due while as many as allowed were open. */
  readonly not_sent: number;
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly timed_out: number;
  /** Under way when the run was stopped. */
  readonly interrupted: number;
  /** Answers after the time-out of their request, as far as they were heard of. */
  readonly late: number;
  /** Of the answered, from the cache. */
  readonly hits: number;
  readonly topic_sent: number;
  readonly topic_answered: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_nusd: number;
  readonly sessions_begun: number;
  readonly sessions_ended: number;
  /** One of their turns had no answer. */
  readonly sessions_broken: number;
};
export type CountName = keyof Counts;

/** As workers hand it over. */
export type Recorded = {
  readonly counts: Counts;
  readonly errors: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Partial<Record<FigureName, string>>>;
  readonly steps: readonly Step[];
  /** CPU of the generator's processes, in seconds. */
  readonly cpu_s: number;
};

export class Recorder {
  readonly figures = new FigureSet();
  readonly #start_ms: number;
  readonly #steps: Steps;
  readonly #counts: Record<CountName, number> = noCounts();
  readonly #errors = new Map<string, number>();
  #cpu_s = 0;

  /** @param start_ms epoch ms. */
  constructor(start_ms: number, step_ms: number) {
    this.#start_ms = start_ms;
    this.#steps = new Steps(step_ms);
  }

  get counts(): Counts {
    return this.#counts;
  }

  count(name: CountName, more = 1): void {
    this.#counts[name] += more;
  }

  notSent(due_ms: number): void {
    this.#both(due_ms, "asked");
    this.#both(due_ms, "not_sent");
  }

  sent(due_ms: number, now_ms: number): void {
    this.#both(due_ms, "asked");
    this.#both(due_ms, "sent");
    this.figures.record("behind", Math.max(0, now_ms - due_ms));
  }

  firstToken(due_ms: number, at_ms: number): void {
    this.figures.record("first_token", at_ms - due_ms);
    this.#steps.time(due_ms - this.#start_ms, "first_token", at_ms - due_ms);
  }

  betweenTokens(gap_ms: number): void {
    this.figures.record("between_tokens", gap_ms);
  }

  answered(due_ms: number, sent_ms: number, answer: Answer): void {
    const { ended_ms, cost_nusd, prompt_tokens, completion_tokens, tokens_per_s } = answer;
    this.#both(due_ms, "answered");
    this.figures.record("latency", ended_ms - due_ms);
    this.figures.record("from_sent", ended_ms - sent_ms);
    this.figures.record("cost", cost_nusd / 1e9);
    if (tokens_per_s !== undefined) this.figures.record("tokens_per_s", tokens_per_s);
    this.#steps.time(due_ms - this.#start_ms, "latency", ended_ms - due_ms);
    this.#steps.count(due_ms - this.#start_ms, "tokens", completion_tokens);
    this.#steps.count(due_ms - this.#start_ms, "cost_nusd", cost_nusd);
    this.count("prompt_tokens", prompt_tokens);
    this.count("completion_tokens", completion_tokens);
    this.count("cost_nusd", cost_nusd);
    if (HITS.includes(answer.cache ?? "")) this.#both(due_ms, "hits");
  }

  /** Of a good Result, also of one that came too late for its request. */
  inPipeline(due_ms: number, { whole_ms, first_token_ms }: PipelineTimes): void {
    this.figures.record("pipeline", whole_ms);
    if (first_token_ms !== undefined) this.figures.record("pipeline_first_token", first_token_ms);
    this.#steps.time(due_ms - this.#start_ms, "pipeline", whole_ms);
  }

  failed(due_ms: number, code: string): void {
    this.#both(due_ms, "failed");
    const known = this.#errors.has(code) || this.#errors.size < CODES_MAX ? code : OTHER;
    this.#errors.set(known, (this.#errors.get(known) ?? 0) + 1);
  }

  timedOut(due_ms: number): void {
    this.#both(due_ms, "timed_out");
  }

  session(begun_ms: number, ended_ms: number, cost_nusd: number): void {
    this.count("sessions_ended");
    this.figures.record("session", ended_ms - begun_ms);
    this.figures.record("session_cost", cost_nusd / 1e9);
  }

  cpu(seconds: number): void {
    this.#cpu_s += seconds;
  }

  add({ counts, errors, histograms, steps, cpu_s }: Recorded): void {
    for (const [name, count] of Object.entries(counts)) this.#counts[name as CountName] += count;
    for (const [code, count] of Object.entries(errors)) this.#errors.set(code, (this.#errors.get(code) ?? 0) + count);
    this.figures.add(histograms);
    this.#steps.add(steps);
    this.#cpu_s += cpu_s;
  }

  recorded(): Recorded {
    return {
      counts: { ...this.#counts },
      errors: Object.fromEntries([...this.#errors].sort(([, one], [, other]) => other - one)),
      histograms: this.figures.encoded(),
      steps: this.#steps.all(),
      cpu_s: this.#cpu_s,
    };
  }

  #both(due_ms: number, name: "asked" | "not_sent" | "sent" | "answered" | "failed" | "timed_out" | "hits"): void {
    this.#counts[name] += 1;
    this.#steps.count(due_ms - this.#start_ms, name);
  }
}

function noCounts(): Record<CountName, number> {
  return Object.fromEntries(COUNTS.map((name) => [name, 0])) as Record<CountName, number>;
}
