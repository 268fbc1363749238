/**
 * Calls and tokens by the time at which the call came, in steps of 100 ms, for an hour: from it follows what any window of a minute
 * held, as a provider would count it. Pure: time is an argument.
 */

const STEP_MS = 100;
const KEPT_MS = 3_600_000;
/** Models of one step that are counted by name; further ones are counted as `other`. */
const MODELS_MAX = 16;

export type TimelineStep = {
  /** Epoch ms of its beginning. */
  readonly at_ms: number;
  readonly calls: number;
  /** Prompt and completion, of calls that came in this step, whenever they were answered. */
  readonly tokens: number;
};

/** The body of `GET /stats/timeline`: steps in which no call came are left out. */
export type TimelineSnapshot = { readonly step_ms: number; readonly steps: readonly TimelineStep[] };

type Counts = { calls: number; tokens: number };

export class Timeline {
  /** By number of the step, the oldest first. */
  readonly #steps = new Map<number, Map<string, Counts>>();

  /** A call came. */
  call(at_ms: number, model: string): void {
    this.#counts(at_ms, model).calls += 1;
  }

  /** A call that came at `at_ms` used tokens. */
  spend(at_ms: number, model: string, tokens: number): void {
    this.#counts(at_ms, model).tokens += tokens;
  }

  /** Of one model, or of all. */
  snapshot(model: string | undefined): TimelineSnapshot {
    const steps: TimelineStep[] = [];
    for (const [step, models] of this.#steps) {
      const counts = model === undefined ? [...models.values()] : [models.get(model) ?? NONE];
      const calls = counts.reduce((sum, one) => sum + one.calls, 0);
      const tokens = counts.reduce((sum, one) => sum + one.tokens, 0);
      if (calls > 0 || tokens > 0) steps.push({ at_ms: step * STEP_MS, calls, tokens });
    }
    return { step_ms: STEP_MS, steps: steps.sort((one, other) => one.at_ms - other.at_ms) };
  }

  clear(): void {
    this.#steps.clear();
  }

  #counts(at_ms: number, model: string): Counts {
    const step = Math.floor(at_ms / STEP_MS);
    const models = this.#steps.get(step) ?? this.#add(step);
    const name = models.has(model) || models.size < MODELS_MAX ? model : "other";
    const counts = models.get(name) ?? { calls: 0, tokens: 0 };
    models.set(name, counts);
    return counts;
  }

  #add(step: number): Map<string, Counts> {
    for (const oldest of this.#steps.keys()) {
      if (this.#steps.size < KEPT_MS / STEP_MS) break;
      this.#steps.delete(oldest);
    }
    const models = new Map<string, Counts>();
    this.#steps.set(step, models);
    return models;
  }
}

const NONE: Counts = { calls: 0, tokens: 0 };
