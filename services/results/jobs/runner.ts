/**
 * Drives jobs: leases what is due, lets the driver of its kind take one step after the other, and writes down each before the next.
 *
 * - **J1** Of a job one process at a time saves a step: every write names the lease, and is refused once the lease is another's.
 * - **J2** What a crash between any two writes leaves is a job whose last step is done again; steps are safe to do again.
 * - **J3** A job that ended is due until everybody was told of it, so that no crash swallows its webhook or its last event.
 * - **J4** A step that fails again and again ends its job (`internal_error`), never the runner (I9). A part that is away ends nothing.
 */
import { randomUUID } from "node:crypto";
import { backoff_ms } from "../../../libs/shared/backoff.ts";
import { type Clock, sleepUntil } from "../../../libs/shared/clock.ts";
import type { JobsSettings } from "../../../libs/shared/config/gateway.ts";
import { isRetryable } from "../../../libs/shared/errors.ts";
import { ENDED_STATUSES, type Job, type JobDriver, type JobKind, type StepEnd } from "../../../libs/shared/jobs/job.ts";
import type { JobLeases, LeasedJob } from "../../../libs/shared/jobs/leases.ts";
import type { Log } from "../../../libs/shared/log.ts";
import type { Told } from "../../../libs/shared/redis/request-events.ts";
import type { EventType, WebhookOutbox } from "../../../libs/shared/webhooks/event.ts";
import { LeaseHold } from "./lease-hold.ts";

export type JobRunnerDeps = {
  readonly leases: JobLeases;
  readonly drivers: Readonly<Partial<Record<JobKind, JobDriver>>>;
  readonly states: { tell(told: readonly Told[]): Promise<void> };
  readonly outbox: WebhookOutbox;
  readonly settings: Pick<JobsSettings, "running_max" | "lease_ms" | "poll_ms" | "keep_days">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** For metrics. */
  readonly observe?: (event: JobRunnerEvent) => void;
};

export type JobRunnerEvent =
  | { readonly event: "step"; readonly kind: JobKind; readonly duration_ms: number }
  | { readonly event: "ended"; readonly kind: JobKind; readonly status: string }
  | { readonly event: "failed_step"; readonly kind: JobKind; readonly retryable: boolean }
  | { readonly event: "lease_lost"; readonly kind: JobKind };

/** A step that throws a bug so often in a row ends its job. */
const FAILED_TRIES_MAX = 5;
/** A step that was begun so often and never came to an end, not even a bad one: it takes its process with it. */
const SILENT_TRIES_MAX = 10;
const RETRY = { base_ms: 1_000, cap_ms: 30_000 };
const WOKEN_MAX = 1_000;
/** From one look at a job to the next that a word may cause. */
const REST_MS_MIN = 100;
const REST_MS_MAX = 5_000;
const REMOVE_EVERY_MS = 3_600_000;
/** Each may have many thousands of items. */
const REMOVED_AT_ONCE = 5;
const DAY_MS = 86_400_000;
const INTERNAL_ERROR = {
  code: "internal_error",
  message: "the job could not go on because of an error inside Sluice; its finished requests are kept",
};

export class JobRunner {
  readonly #deps: JobRunnerDeps;
  /** Jobs being driven, each until its promise ends. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #woken = new Set<string>();
  /** How often in a row a part was away, by job. */
  readonly #setbacks = new Map<string, number>();
  /** Until then a word about the job has to wait. */
  readonly #rest_until_ms = new Map<string, number>();
  readonly #stopping = new AbortController();
  #look_soon = new AbortController();
  #loop: Promise<void> | undefined;
  #look_at_ms = 0;
  #remove_at_ms: number;

  constructor(deps: JobRunnerDeps) {
    this.#deps = deps;
    this.#remove_at_ms = deps.clock.now_ms();
  }

  /** Jobs being driven now. */
  get running(): number {
    return this.#running.size;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** There may be something to do for these jobs: results came, or somebody wants them to end. Cheap; words too many are dropped. */
  wake(jobs: Iterable<string>): void {
    for (const job of jobs) {
      if (this.#woken.size >= WOKEN_MAX) break;
      this.#woken.add(job);
    }
    this.#look_soon.abort();
  }

  /** Ends each job's driving after the step that is under way, and gives the leases back; waits no longer than `deadline_ms` (a duration). */
  async drain(deadline_ms: number): Promise<void> {
    this.#stopping.abort();
    const ended = new AbortController();
    const all = Promise.all([this.#loop, ...this.#running.values()]).finally(() => ended.abort());
    await Promise.race([all, sleepUntil(this.#deps.clock, deadline_ms, [ended.signal])]);
  }

  async #run(): Promise<void> {
    const { clock, random, settings, log } = this.#deps;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#look_soon = new AbortController();
      const now_ms = clock.now_ms();
      const woken = this.#wokenNow(now_ms);
      try {
        if (now_ms >= this.#look_at_ms || woken.length > 0) {
          this.#look_at_ms = now_ms + settings.poll_ms;
          await this.#look(now_ms, woken);
        }
        failures = 0;
      } catch (error) {
        if (failures === 0) log.warn({ error }, "jobs cannot be looked for; trying again");
        await sleepUntil(clock, backoff_ms(RETRY, failures, 0.5 + random() / 2), [this.#stopping.signal]);
        failures += 1;
      }
      const wait_ms = Math.min(this.#look_at_ms, this.#restedAt_ms()) - clock.now_ms();
      await sleepUntil(clock, Math.max(0, wait_ms), [this.#stopping.signal, this.#look_soon.signal]);
    }
  }

  /** Jobs with word of something new, that nobody drives here and that have rested. */
  #wokenNow(now_ms: number): string[] {
    return [...this.#woken].filter((id) => !this.#running.has(id) && (this.#rest_until_ms.get(id) ?? 0) <= now_ms);
  }

  /** When the next job with word of something new has rested. */
  #restedAt_ms(): number {
    const waiting = [...this.#woken].filter((id) => !this.#running.has(id));
    return Math.min(Number.POSITIVE_INFINITY, ...waiting.map((id) => this.#rest_until_ms.get(id) ?? 0));
  }

  async #look(now_ms: number, woken: readonly string[]): Promise<void> {
    const { leases, settings } = this.#deps;
    for (const id of woken) this.#woken.delete(id);
    if (now_ms >= this.#remove_at_ms) {
      const removed = await leases.removeEnded(now_ms - settings.keep_days * DAY_MS, REMOVED_AT_ONCE);
      if (removed < REMOVED_AT_ONCE) this.#remove_at_ms = now_ms + REMOVE_EVERY_MS;
    }
    const room = settings.running_max - this.#running.size;
    if (room <= 0) return;
    const owner = randomUUID();
    const leased = await leases.lease({ owner, now_ms, until_ms: now_ms + settings.lease_ms }, room, woken);
    for (const one of leased) {
      const { id } = one.job;
      const driven = this.#drive(one, owner).finally(() => {
        if (this.#running.get(id) === driven) this.#running.delete(id);
        // Others may have waited for its place, or there was word of it meanwhile.
        if (leased.length === room) this.#look_at_ms = 0;
        if (leased.length === room || this.#woken.has(id)) this.#look_soon.abort();
      });
      this.#running.set(id, driven);
    }
  }

  /** Never rejects. */
  async #drive({ job: first, tries }: LeasedJob, owner: string): Promise<void> {
    const { leases, clock, settings, log } = this.#deps;
    const hold = new LeaseHold({ leases, clock, lease_ms: settings.lease_ms }, first.id, owner, this.#stopping.signal);
    const { kind } = first;
    let job = first;
    let begun = tries;
    try {
      for (;;) {
        if (hold.signal.aborted) return await this.#leave(job, owner, clock.now_ms(), false);
        if (isEnded(job)) return await this.#announce(job, owner, undefined);
        const end = begun > SILENT_TRIES_MAX ? failed(job) : await this.#step(job, hold.signal);
        const saved = await leases.save(job, owner, end, clock.now_ms());
        if (saved === undefined) return this.#deps.observe?.({ event: "lease_lost", kind });
        this.#setbacks.delete(job.id);
        begun = 1;
        if (isEnded(saved)) return await this.#announce(saved, owner, end.progress);
        await this.#tell(saved, end.progress);
        if (end.wake_ms > 0) return;
        job = saved;
      }
    } catch (error) {
      await this.#setBack(job, owner, begun, hold.signal, error).catch((failure: unknown) => {
        log.debug({ error: failure, job: job.id }, "a job's lease could not be given back; it ends by itself");
      });
    } finally {
      hold.end();
    }
  }

  async #step(job: Job, signal: AbortSignal): Promise<StepEnd> {
    const { drivers, clock, observe } = this.#deps;
    const driver = drivers[job.kind];
    if (driver === undefined) throw new Error(`nobody drives jobs of the kind ${job.kind}`);
    const begun_ms = clock.now_ms();
    const end = await driver.step(job, signal);
    const duration_ms = clock.now_ms() - begun_ms;
    observe?.({ event: "step", kind: job.kind, duration_ms });
    // Words come with every result: looking at a large job is to take a tenth of the time at the most.
    const rest_ms = Math.min(Math.max(REST_MS_MIN, 10 * duration_ms), REST_MS_MAX);
    if (this.#rest_until_ms.size >= WOKEN_MAX) this.#rest_until_ms.clear();
    this.#rest_until_ms.set(job.id, begun_ms + rest_ms);
    return end;
  }

  /** A convenience: who misses one sees the next. */
  async #tell({ tenant, id }: Job, progress: object | undefined): Promise<void> {
    if (progress === undefined) return;
    const state = { ...progress, state: "progress" } as const;
    await this.#deps.states.tell([{ tenant, id, state }]).catch((error: unknown) => {
      this.#deps.log.debug({ error, job: id }, "progress was not told");
    });
  }

  /** J3. Deliveries are written once for each type and subject, so telling twice is telling once. */
  async #announce(job: Job, owner: string, progress: object | undefined): Promise<void> {
    const { outbox, states, leases, observe } = this.#deps;
    const { tenant, id, kind, status, ended_ms = job.updated_ms } = job;
    const type = `${kind}.${status}` as EventType;
    await outbox.add([{ tenant, type, subject: id, at_ms: ended_ms }]);
    await states.tell([{ tenant, id, state: { ...progress, status, state: "ended" } }]);
    await leases.settle(id, owner);
    this.#rest_until_ms.delete(id);
    observe?.({ event: "ended", kind, status });
  }

  async #setBack(job: Job, owner: string, begun: number, signal: AbortSignal, error: unknown): Promise<void> {
    const { clock, log, random, leases, observe } = this.#deps;
    const now_ms = clock.now_ms();
    if (signal.aborted) return this.#leave(job, owner, now_ms, false);
    const retryable = isRetryable(error);
    observe?.({ event: "failed_step", kind: job.kind, retryable });
    if (retryable) {
      const times = this.#setbacks.get(job.id) ?? 0;
      if (times === 0) log.warn({ error, job: job.id }, "a job waits for a part that is away");
      if (this.#setbacks.size >= WOKEN_MAX) this.#setbacks.clear();
      this.#setbacks.set(job.id, times + 1);
      return this.#leave(job, owner, now_ms + backoff_ms(RETRY, times, 0.5 + random() / 2), false);
    }
    log.error({ error, job: job.id, kind: job.kind, tries: begun }, "a step of a job failed");
    if (begun < FAILED_TRIES_MAX) {
      return this.#leave(job, owner, now_ms + backoff_ms(RETRY, begun, 0.5 + random() / 2), true);
    }
    if (isEnded(job)) return leases.settle(job.id, owner);
    const saved = await leases.save(job, owner, failed(job), now_ms);
    if (saved !== undefined) await this.#announce(saved, owner, undefined);
  }

  #leave(job: Job, owner: string, due_ms: number, counted: boolean): Promise<void> {
    return this.#deps.leases.giveBack(job.id, owner, due_ms, counted);
  }
}

function isEnded({ status }: Job): boolean {
  return ENDED_STATUSES.includes(status);
}

function failed({ state }: Job): StepEnd & { readonly error: typeof INTERNAL_ERROR } {
  return { status: "failed", state, wake_ms: 0, error: INTERNAL_ERROR };
}
