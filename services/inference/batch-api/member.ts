/** One request within a provider's batch: what is asked, what it ends in, and who waits for that. */

export type BatchMember = {
  /** Names the request: the same text for the same (tenant, id) and hop. */
  readonly source: string;
  /** Below the base URL: `/chat/completions` or `/embeddings`. */
  readonly path: string;
  /** The model in `body`: a provider takes one model a batch. */
  readonly model: string;
  /** The call's body, JSON, not streamed. */
  readonly body: Buffer;
  /** Epoch ms after which the answer is of no use; looked at when batches are polled. */
  readonly until_ms: number;
  /** Nobody wants the answer any more. */
  readonly signal?: AbortSignal;
  /** It is within this batch already: wait for that one, submit nothing. */
  readonly resume?: { readonly batch_id: string; readonly custom_id: string };
};

/**
 * Why there is no answer: the batch is unknown to the provider, ended early (`expired`, `cancelled`), was refused as a whole
 * (`failed`), is over without a line for this request (`no_answer`) or with one that says it was not run (`not_run`), its file
 * passes the bound (`too_large`); or `until_ms` passed (`deadline`), or `signal` gave up (`aborted`).
 */
export type MissingReason =
  | "not_found"
  | "expired"
  | "cancelled"
  | "failed"
  | "no_answer"
  | "not_run"
  | "too_large"
  | "deadline"
  | "aborted";

export type BatchAnswer =
  /** A status other than 200 too: the provider's answer to this one request. */
  | { readonly kind: "answered"; readonly status: number; readonly body: Buffer; readonly batch_id: string }
  /** The caller may call directly. Whether it may be charged for all the same: `mayBeCharged`. */
  | {
      readonly kind: "missing";
      readonly reason: MissingReason;
      readonly message: string;
      readonly batch_id?: string;
      /** Of `aborted`: it was in a batch, or on its way there. */
      readonly sent?: boolean;
    }
  /** Not in any batch. */
  | {
      readonly kind: "failed_to_submit";
      readonly message: string;
      readonly retryable: boolean;
      readonly retry_after_ms?: number;
    };

/** True where the provider may charge for what it was asked, though nobody has the answer. */
export function mayBeCharged(answer: BatchAnswer): boolean {
  if (answer.kind !== "missing") return false;
  if (answer.reason === "too_large") return true;
  if (answer.reason === "aborted") return answer.sent === true;
  // Late before it was in a batch, it was not sent.
  return answer.reason === "deadline" && answer.batch_id !== undefined;
}

/** A member somebody waits for; ends exactly once. */
export class Waiting {
  readonly member: Pick<BatchMember, "until_ms">;
  readonly answer: Promise<BatchAnswer>;
  readonly #resolve: (answer: BatchAnswer) => void;
  readonly #reject: (error: Error) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #ended = false;
  #sent: boolean;

  /** @param left told when `signal` gave up. */
  constructor(member: BatchMember, left: (waiting: Waiting) => void) {
    // Not the member itself: its body would be held until the batch is over.
    this.member = { until_ms: member.until_ms };
    const { promise, reject, resolve } = Promise.withResolvers<BatchAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = member.signal;
    this.#sent = member.resume !== undefined;
    this.#onAbort = () => {
      const sent = this.#sent ? { sent: true } : {};
      this.end({ kind: "missing", reason: "aborted", message: "nobody wants the answer any more", ...sent });
      left(this);
    };
    this.#signal?.addEventListener("abort", this.#onAbort);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** From now on it may be in a batch. */
  sent(): void {
    this.#sent = true;
  }

  end(answer: BatchAnswer): void {
    if (this.#finish()) this.#resolve(answer);
  }

  fail(error: Error): void {
    if (this.#finish()) this.#reject(error);
  }

  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }
}
