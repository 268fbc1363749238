/**
 * One run of one service instance, from its start to its crash or stop. Everything it asks of the world outside goes through
 * `call`, which takes time both ways and may go wrong on either way; everything it is told goes through `deliver`, which waits
 * while it is stalled and is for ever silent once it is dead. Nothing survives a crash but the log and the stores.
 */
import type { Clock, Timer } from "../../libs/shared/clock.ts";
import type { Faults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

export type ProcessOptions = {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly onCrash: () => void;
};

export type CallOptions<T> = {
  /** What the caller is told when the request or the answer is lost; it must be retryable where the real one is. */
  readonly lost: () => Error;
  /** The request has a part that may take effect alone when the rest is lost (a produce to several partitions). */
  readonly partly?: () => T;
  /** A request that never crashes the process nor is lost: what makes the simulation run, not what it tests. */
  readonly reliable?: boolean;
  /** How long the work itself takes on the other side. */
  readonly work_ms?: number;
};

export class SimulatedProcess {
  readonly name: string;
  readonly random: Random;
  readonly trace: Trace;
  /** A clock whose timers die with the process and wait while it is stalled. */
  readonly clock: Clock;
  readonly #options: ProcessOptions;
  readonly #silent: ((silent_until_ms: number) => void)[] = [];
  #alive = true;
  #stalled_until_ms = 0;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.random = options.random;
    this.trace = options.trace;
    this.clock = {
      now_ms: () => options.clock.now_ms(),
      after: (delay_ms, task) => this.#timer(delay_ms, task),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Registers what the other side sees when this process says nothing from now until then. */
  onSilence(listener: (silent_until_ms: number) => void): void {
    this.#silent.push(listener);
  }

  /** The process dies here and now: no promise it waits for is ever settled. */
  crash(why: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.trace.counts.crashes += 1;
    this.trace.note(this.name, `crashes ${why}`);
    for (const listener of this.#silent) listener(Number.POSITIVE_INFINITY);
    this.#options.onCrash();
  }

  /** The process ended by itself: as a crash, but it said goodbye. */
  exit(): void {
    this.#alive = false;
  }

  /** Nothing in the process runs for a while (a stopped container, a long garbage collection). */
  stall(duration_ms: number): void {
    if (!this.#alive) return;
    this.#stalled_until_ms = Math.max(this.#stalled_until_ms, this.#options.clock.now_ms() + duration_ms);
    this.trace.counts.stalls += 1;
    this.trace.note(this.name, `stalls for ${duration_ms} ms`);
    for (const listener of this.#silent) listener(this.#stalled_until_ms);
  }

  /** Draws whether a consumer of this process falls silent here and now: its loop hangs, all else goes on. */
  fallsSilent(): boolean {
    return this.#alive && this.#options.faults.fallsSilent();
  }

  /** Runs `task` in the process: now, after its stall, or never. */
  deliver(task: () => void): void {
    if (!this.#alive) return;
    const wait_ms = this.#stalled_until_ms - this.#options.clock.now_ms();
    if (wait_ms > 0) this.#options.clock.after(wait_ms, () => this.deliver(task));
    else task();
  }

  /** One request to the world outside and its answer: the only place where steps take time and go wrong. */
  call<T>(what: string, effect: () => T, options: CallOptions<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#alive) return;
      const { clock, faults, trace } = this.#options;
      const fate = options.reliable ? "ok" : faults.fate();
      if (fate === "crash_before") return this.crash(`before ${what}`);
      if (fate === "lost_request") {
        trace.counts.lost_requests += 1;
        trace.note(this.name, `loses the request to ${what}`);
        const answer = options.partly === undefined ? undefined : settle(options.partly);
        const error = answer?.kind === "threw" ? answer.error : options.lost();
        clock.after(faults.timeout_ms(), () => this.deliver(() => reject(error)));
        return;
      }
      if (fate === "late_request") {
        trace.counts.late_requests += 1;
        trace.note(this.name, `sends late the request to ${what}`);
        clock.after(faults.late_ms(), () => settle(effect));
        clock.after(faults.timeout_ms(), () => this.deliver(() => reject(options.lost())));
        return;
      }
      clock.after(faults.latency_ms() + (options.work_ms ?? 0), () => {
        const answer = settle(effect);
        if (fate === "crash_after") return this.crash(`after ${what}`);
        if (fate === "lost_response") {
          trace.counts.lost_responses += 1;
          trace.note(this.name, `loses the answer of ${what}`);
          clock.after(faults.timeout_ms(), () => this.deliver(() => reject(options.lost())));
          return;
        }
        clock.after(faults.latency_ms(), () =>
          this.deliver(() => (answer.kind === "returned" ? resolve(answer.value) : reject(answer.error))),
        );
      });
    });
  }

  #timer(delay_ms: number, task: () => void): Timer {
    let cancelled = false;
    const timer = this.#options.clock.after(delay_ms, () =>
      this.deliver(() => {
        if (!cancelled) task();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }
}

type Answer<T> = { readonly kind: "returned"; readonly value: T } | { readonly kind: "threw"; readonly error: unknown };

function settle<T>(effect: () => T): Answer<T> {
  try {
    return { kind: "returned", value: effect() };
  } catch (error) {
    return { kind: "threw", error };
  }
}
