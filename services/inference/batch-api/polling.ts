/** One batch at the provider, from its submission to its answers: polled until it is over or nobody waits for it any more. */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { Log } from "../../../libs/shared/log.ts";
import { type LineAnswer, readAnswers } from "./jsonl.ts";
import type { BatchAnswer, MissingReason, Waiting } from "./member.ts";
import type { BatchProvider, BatchView, Failed } from "./provider.ts";

export type PollingDeps = {
  readonly provider: BatchProvider;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly poll_ms: number;
};

/** Polls are spread by a fifth to each side, so that many batches do not ask at once. */
const JITTER = 0.2;
/** After failed polls the wait doubles up to this, or `poll_ms` when that is longer. */
const BACKOFF_MS_MAX = 60_000;
const DOUBLINGS_MAX = 10;

/** What a round came to. */
type Round = "over" | "under_way" | Failed;

export class BatchPolling {
  readonly #deps: PollingDeps;
  readonly #batch_id: string;
  /** This process made the batch of these members alone: without them, nobody reads its answers. */
  readonly #own: boolean;
  readonly #waiting = new Map<Waiting, string>();
  #timer: Timer | undefined;
  #stopped = false;
  #over = false;
  #failures = 0;

  constructor(deps: PollingDeps, batch_id: string, own: boolean) {
    this.#deps = deps;
    this.#batch_id = batch_id;
    this.#own = own;
  }

  /** @returns false when the batch is over here: whoever comes now needs a polling of its own. */
  add(waiting: Waiting, custom_id: string): boolean {
    if (this.#over) return false;
    if (!waiting.ended) this.#waiting.set(waiting, custom_id);
    return true;
  }

  leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /** Asks until there is an end, `first_ms` from now for the first time; every member has ended then, unless it was stopped. */
  async run(first_ms: number): Promise<void> {
    await this.#sleep(first_ms);
    while (!this.#stopped) {
      this.#dropLate();
      if (this.#waiting.size === 0) return await this.#abandon();
      const round = await this.#round();
      if (round === "over") return;
      this.#failures = typeof round === "object" ? this.#failures + 1 : 0;
      if (typeof round === "object" && this.#failures === 1) {
        this.#deps.log.warn(
          { batch_id: this.#batch_id, message: round.message },
          "a batch cannot be looked at for now",
        );
      }
      await this.#sleep(this.#wait_ms(typeof round === "object" ? round.retry_after_ms : undefined));
    }
  }

  /** Ends polling at once; the batch goes on at the provider. @returns those who waited. */
  stop(): Waiting[] {
    this.#stopped = true;
    this.#timer?.cancel();
    return this.#takeAll().map(([waiting]) => waiting);
  }

  #takeAll(): [Waiting, string][] {
    this.#over = true;
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }

  async #round(): Promise<Round> {
    const { provider } = this.#deps;
    const view = await provider.status(this.#batch_id);
    if (view.kind === "failed") return view;
    if (view.kind === "not_found") return this.#endAll("not_found", "the provider knows no such batch");
    const { status } = view;
    if (status !== "completed" && status !== "failed" && status !== "expired" && status !== "cancelled") {
      return "under_way";
    }
    const files: Buffer[] = [];
    let too_large = false;
    // Of every end: a batch that expired or was cancelled has the answers that came before.
    for (const file_id of [view.output_file_id, view.error_file_id]) {
      if (file_id === undefined || this.#stopped) continue;
      const file = await provider.download(file_id);
      if (file.kind === "failed") return file;
      too_large ||= file.kind === "too_large";
      if (file.kind === "downloaded") files.push(file.content);
    }
    return this.#settle(view, files, too_large);
  }

  /** Reads all files and ends all members in one go: who joined during a download has its answer too. */
  #settle(view: BatchView, files: readonly Buffer[], too_large: boolean): Round {
    const batch_id = this.#batch_id;
    const answers = new Map<string, LineAnswer>();
    const wanted = new Set(this.#waiting.values());
    for (const file of files) readAnswers(file, wanted, answers);
    for (const [waiting, custom_id] of this.#takeAll()) {
      const answer = answers.get(custom_id);
      if (answer?.kind === "answered") waiting.end({ ...answer, batch_id });
      else if (answer !== undefined) waiting.end(this.#missing(...whyNotRun(answer)));
      else waiting.end(this.#missing(...whyMissing(view, too_large)));
    }
    return "over";
  }

  #endAll(reason: MissingReason, message: string): Round {
    for (const [waiting] of this.#takeAll()) waiting.end(this.#missing(reason, message));
    return "over";
  }

  #missing(reason: MissingReason, message: string): BatchAnswer {
    return { kind: "missing", reason, message, batch_id: this.#batch_id };
  }

  #dropLate(): void {
    const now_ms = this.#deps.clock.now_ms();
    for (const waiting of this.#waiting.keys()) {
      if (waiting.member.until_ms > now_ms) continue;
      waiting.end(this.#missing("deadline", "the batch was not over in time"));
      this.#waiting.delete(waiting);
    }
  }

  /** Nobody waits any more: what the provider has not yet done need not be paid for. */
  async #abandon(): Promise<void> {
    this.#over = true;
    if (!this.#own) return;
    const { log, provider } = this.#deps;
    const { kind } = await provider.cancel(this.#batch_id);
    log.info({ batch_id: this.#batch_id, cancel: kind }, "nobody waits for a batch any more, it is cancelled");
  }

  /** Jittered, longer after failures, and no longer than the first member has time. */
  #wait_ms(retry_after_ms = 0): number {
    const { clock, poll_ms, random } = this.#deps;
    const backoff_ms = poll_ms * 2 ** Math.min(this.#failures, DOUBLINGS_MAX);
    const base_ms = Math.min(backoff_ms, Math.max(poll_ms, BACKOFF_MS_MAX));
    const spread_ms = base_ms * (1 - JITTER + 2 * JITTER * random());
    const wanted_ms = Math.max(spread_ms, Math.min(retry_after_ms, BACKOFF_MS_MAX));
    let until_ms = Number.POSITIVE_INFINITY;
    for (const { member } of this.#waiting.keys()) until_ms = Math.min(until_ms, member.until_ms);
    return Math.ceil(Math.max(1, Math.min(wanted_ms, until_ms - clock.now_ms())));
  }

  #sleep(wait_ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(wait_ms, resolve);
      this.#timer = {
        cancel() {
          timer.cancel();
          resolve();
        },
      };
    });
  }
}

function whyNotRun(answer: Extract<LineAnswer, { kind: "not_run" }>): [MissingReason, string] {
  const message = answer.message || answer.code;
  if (answer.code === "batch_expired") return ["expired", message];
  if (answer.code === "batch_cancelled") return ["cancelled", message];
  return ["not_run", message];
}

function whyMissing({ errors, status }: BatchView, too_large: boolean): [MissingReason, string] {
  if (too_large) return ["too_large", "the batch's file is too large to be read"];
  if (status === "expired" || status === "cancelled")
    return [status, `the batch was ${status} before this request was run`];
  if (status === "failed") return ["failed", errors.join("; ") || "the provider refused the batch"];
  return ["no_answer", "the batch is over and has no line for this request"];
}
