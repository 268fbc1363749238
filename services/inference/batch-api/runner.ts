/**
 * Requests through a provider's Batch API: gathered into batches, submitted, polled, and answered one by one. A member that was
 * submitted before a crash joins its batch again by what the attempt ledger knows of it.
 */
import { type BackoffPolicy, backoff_ms } from "../../../libs/shared/backoff.ts";
import { type Clock, sleep, type Timer } from "../../../libs/shared/clock.ts";
import type { BatchApiSettings } from "../../../libs/shared/config/inference.ts";
import { isRetryable, SluiceError } from "../../../libs/shared/errors.ts";
import type { Log } from "../../../libs/shared/log.ts";
import { Gathering, type Group } from "./gathering.ts";
import { customIdOf, inputFile } from "./jsonl.ts";
import { type BatchAnswer, type BatchMember, Waiting } from "./member.ts";
import { BatchPolling } from "./polling.ts";
import type { BatchProvider } from "./provider.ts";

export type BatchRunnerOptions = {
  readonly provider: BatchProvider;
  readonly settings: Pick<BatchApiSettings, "size_max" | "bytes_max" | "wait_ms" | "poll_ms">;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Batches of this process at the provider at the most; full groups wait for room. */
  readonly batches_max: number;
  /** Members in hand at the most, whatever they wait for. One more is a `failed_to_submit` that may be tried again. */
  readonly members_max: number;
  /** Kept with each batch at the provider. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Told of a batch as soon as the provider has it, before it is polled: `custom_ids[i]` is that of `members[i]`. What it writes
   * is how members find the batch again after a crash. A retryable error is tried again until it passes.
   */
  readonly onSubmitted: (
    members: readonly BatchMember[],
    batch_id: string,
    custom_ids: readonly string[],
  ) => Promise<void>;
};

type Gathered = { readonly member: BatchMember; readonly waiting: Waiting };

/** What a line has beside its body: ids, path, punctuation. */
const LINE_OVERHEAD_BYTES = 256;
const HOOK_RETRY: BackoffPolicy = { base_ms: 200, cap_ms: 5_000 };

export class BatchApiRunner {
  readonly #options: BatchRunnerOptions;
  readonly #gathering: Gathering<Gathered>;
  /** Closed groups that wait for one of `batches_max`. */
  readonly #queue: Group<Gathered>[] = [];
  readonly #polled = new Map<string, BatchPolling>();
  readonly #submitting = new Set<Promise<void>>();
  /** Members that wait, in groups, in a submission or in a batch. */
  readonly #members = new Set<Waiting>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
    this.#gathering = new Gathering(options.settings);
  }

  /** For metrics: batches at the provider or on their way there, and members in hand. */
  get open(): { readonly batches: number; readonly members: number } {
    return { batches: this.#polled.size + this.#submitting.size, members: this.#members.size };
  }

  /** Resolves with what became of the member; rejects with a retryable error when the runner stops first. */
  async submit(member: BatchMember): Promise<BatchAnswer> {
    if (this.#stopped) throw stopping();
    if (member.signal?.aborted) return { kind: "missing", reason: "aborted", message: "given up before it was sent" };
    const { members_max, settings } = this.#options;
    if (this.#members.size >= members_max) {
      const message = `${members_max} requests wait for batches already`;
      return { kind: "failed_to_submit", message, retryable: true };
    }
    const bytes = member.body.length + LINE_OVERHEAD_BYTES;
    if (member.resume === undefined && bytes > settings.bytes_max) {
      const message = `the request is larger than batch_api.bytes_max (${settings.bytes_max})`;
      return { kind: "failed_to_submit", message, retryable: false };
    }
    const waiting = new Waiting(member, (left) => this.#forget(left));
    this.#members.add(waiting);
    if (member.resume !== undefined) this.#join(waiting, member.resume.batch_id, member.resume.custom_id);
    else this.#gather({ member, waiting }, bytes);
    try {
      return await waiting.answer;
    } finally {
      this.#members.delete(waiting);
    }
  }

  /**
   * Ends polling at once; batches go on at the provider. Their members, and those not yet submitted, reject with a retryable
   * error. Submissions under way come to their end first, so that the ledger knows of their batches.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#queue.length = 0;
    for (const polling of this.#polled.values()) for (const waiting of polling.stop()) waiting.fail(stopping());
    const submitting = [...this.#submitting];
    await Promise.allSettled(submitting);
    for (const waiting of this.#members) waiting.fail(stopping());
  }

  #forget(waiting: Waiting): void {
    for (const polling of this.#polled.values()) polling.leave(waiting);
  }

  #gather(gathered: Gathered, bytes: number): void {
    const { model, path } = gathered.member;
    const now_ms = this.#options.clock.now_ms();
    this.#queue.push(...this.#gathering.add(JSON.stringify([path, model]), gathered, bytes, now_ms));
    this.#startWaiting();
    this.#setTimer();
  }

  #setTimer(): void {
    const { clock } = this.#options;
    const { due_ms } = this.#gathering;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (due_ms === undefined) return;
    this.#timer = clock.after(Math.max(0, due_ms - clock.now_ms()), () => {
      this.#queue.push(...this.#gathering.due(clock.now_ms()));
      this.#startWaiting();
      this.#setTimer();
    });
  }

  /** Submits closed groups while there is room for batches. */
  #startWaiting(): void {
    while (!this.#stopped && this.open.batches < this.#options.batches_max) {
      const group = this.#queue.shift();
      if (group === undefined) return;
      const task = this.#submitGroup(group).finally(() => {
        this.#submitting.delete(task);
        this.#startWaiting();
      });
      this.#submitting.add(task);
    }
  }

  async #submitGroup({ members: gathered }: Group<Gathered>): Promise<void> {
    const now_ms = this.#options.clock.now_ms();
    const wanted = gathered.filter(({ member, waiting }) => !waiting.ended && !isLate(member, waiting, now_ms));
    const [first] = wanted;
    if (first === undefined) return;
    const members = wanted.map(({ member }) => member);
    const custom_ids = members.map(({ source }, position) => customIdOf(position, source));
    try {
      const { metadata, provider, settings } = this.#options;
      const { path } = first.member;
      const lines = inputFile(members.map(({ body }, at) => ({ custom_id: custom_ids[at] as string, path, body })));
      for (const { waiting } of wanted) waiting.sent();
      const submission = await provider.submit({ lines, path, metadata });
      if (submission.kind === "failed") {
        const { kind: _, ...why } = submission;
        for (const { waiting } of wanted) waiting.end({ kind: "failed_to_submit", ...why });
        return;
      }
      await this.#tell(members, submission.batch_id, custom_ids);
      if (this.#stopped) return;
      const polling = this.#polling(submission.batch_id, true, settings.poll_ms);
      for (const [at, { waiting }] of wanted.entries()) polling.add(waiting, custom_ids[at] as string);
    } catch (error) {
      // The provider's failures are values: this is a bug, and must not leave anyone waiting.
      for (const { waiting } of wanted) waiting.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The batch is paid for by now: an error here never gives it up. */
  async #tell(members: readonly BatchMember[], batch_id: string, custom_ids: readonly string[]): Promise<void> {
    const { clock, log, onSubmitted, random } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await onSubmitted(members, batch_id, custom_ids);
      } catch (error) {
        log.error({ batch_id, error }, "a batch could not be noted; a crash now would submit its requests again");
        if (!isRetryable(error) || this.#stopped) return;
        await sleep(clock, backoff_ms(HOOK_RETRY, attempt, 0.1 + 0.9 * random()));
      }
    }
  }

  #join(waiting: Waiting, batch_id: string, custom_id: string): void {
    if (this.#polled.get(batch_id)?.add(waiting, custom_id) === true) return;
    this.#polling(batch_id, false, 0).add(waiting, custom_id);
  }

  #polling(batch_id: string, own: boolean, first_ms: number): BatchPolling {
    const { clock, log, provider, random, settings } = this.#options;
    const deps = { provider, clock, random, log, poll_ms: settings.poll_ms };
    const polling = new BatchPolling(deps, batch_id, own);
    this.#polled.set(batch_id, polling);
    void polling
      .run(first_ms)
      .catch((error: unknown) => {
        const cause = error instanceof Error ? error : new Error(String(error));
        for (const waiting of polling.stop()) waiting.fail(cause);
      })
      .finally(() => {
        if (this.#polled.get(batch_id) === polling) this.#polled.delete(batch_id);
        this.#startWaiting();
      });
    return polling;
  }
}

function isLate(member: BatchMember, waiting: Waiting, now_ms: number): boolean {
  if (member.until_ms > now_ms) return false;
  waiting.end({ kind: "missing", reason: "deadline", message: "its time was over before it was sent" });
  return true;
}

function stopping(): SluiceError {
  const message = "inference stops; the batch goes on at the provider";
  return new SluiceError("dependency_unavailable", message, { retryable: true });
}
