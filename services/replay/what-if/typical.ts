/**
 * What calls usually take, learnt from the recorded ones: for requests that were answered otherwise then, and would be called now.
 * Medians by the length of the answer, since that is what a call's time goes by. Pure.
 */
import type { Known } from "./known.ts";

/** Of one kind of call, the first ones; more would not move a median much. */
const SAMPLES_MAX = 2_000;

type Call = { readonly tier: string; readonly batched: boolean };

/** Of one tier, through one API. */
class Calls {
  /** By length class: durations of the answers of between 2^n and 2^(n+1) tokens. */
  readonly #durations = new Map<number, Sample>();
  readonly #all = new Sample();
  #answers = 0;
  #completion_tokens = 0;

  add(duration_ms: number, completion_tokens: number): void {
    const at = classOf(completion_tokens);
    const sample = this.#durations.get(at) ?? new Sample();
    this.#durations.set(at, sample);
    sample.add(duration_ms);
    this.#all.add(duration_ms);
    this.#answers += 1;
    this.#completion_tokens += completion_tokens;
  }

  duration_ms(completion_tokens: number): number | undefined {
    return this.#durations.get(classOf(completion_tokens))?.median ?? this.#all.median;
  }

  get completion_tokens(): number | undefined {
    return this.#answers === 0 ? undefined : Math.round(this.#completion_tokens / this.#answers);
  }
}

class Sample {
  readonly #values: number[] = [];
  #sorted = true;

  add(value: number): void {
    if (this.#values.length >= SAMPLES_MAX) return;
    this.#values.push(value);
    this.#sorted = false;
  }

  get median(): number | undefined {
    if (!this.#sorted) this.#values.sort((one, other) => one - other);
    this.#sorted = true;
    return this.#values[(this.#values.length - 1) >> 1];
  }
}

export class Typical {
  readonly #of_tiers = new Map<string, Calls>();
  readonly #all = new Calls();
  readonly #lags = new Sample();

  /** Only of calls that one tier has answered. */
  add({ ending, called, counted, lag_ms }: Known): void {
    if (lag_ms !== undefined) this.#lags.add(lag_ms);
    if (called === undefined || called.climbed || counted === undefined || ending.status !== "succeeded") return;
    const { duration_ms, route } = called;
    const name = nameOf({ tier: route.tier, batched: ending.usage?.batched === true });
    const calls = this.#of_tiers.get(name) ?? new Calls();
    this.#of_tiers.set(name, calls);
    calls.add(duration_ms, counted.completion_tokens);
    this.#all.add(duration_ms, counted.completion_tokens);
  }

  /** The median of the tier's answers about as long, else of all of the tier's, else of all; nought where nothing was called. */
  duration_ms(call: Call, completion_tokens: number): number {
    const of_tier = this.#of_tiers.get(nameOf(call));
    return of_tier?.duration_ms(completion_tokens) ?? this.#all.duration_ms(completion_tokens) ?? 0;
  }

  /** The mean of the tier's answers, else of all. */
  completion_tokens(call: Call): number {
    return this.#of_tiers.get(nameOf(call))?.completion_tokens ?? this.#all.completion_tokens ?? 0;
  }

  /** The median from arrival to the router's word. */
  get lag_ms(): number {
    return this.#lags.median ?? 0;
  }
}

function classOf(tokens: number): number {
  return Math.floor(Math.log2(Math.max(1, tokens)));
}

function nameOf({ tier, batched }: Call): string {
  return batched ? `${tier} batched` : tier;
}
