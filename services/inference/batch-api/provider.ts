/** The port to a provider's Batch API. What may fail is a value; a retryable failure may pass by itself. */

export type BatchInput = {
  /** JSON lines, as `jsonl.ts` makes them. */
  readonly lines: Buffer;
  /** Below the base URL: `/chat/completions` or `/embeddings`. */
  readonly path: string;
  /** Kept with the batch at the provider: at most 16 pairs. */
  readonly metadata: Readonly<Record<string, string>>;
};

export type Failed = {
  readonly kind: "failed";
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
};

export type Submission = { readonly kind: "submitted"; readonly batch_id: string } | Failed;

/** Of OpenAI; any other word counts as under way. */
export type BatchState =
  | "validating"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "failed"
  | "expired"
  | "cancelling"
  | "cancelled";

export type BatchView = {
  readonly kind: "found";
  readonly status: BatchState;
  readonly output_file_id?: string;
  readonly error_file_id?: string;
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
  /** Why the batch failed, one text a problem; empty unless it did. */
  readonly errors: readonly string[];
};

/** The provider knows no such batch or file (any more). */
export type NotFound = { readonly kind: "not_found" };

export type Download =
  | { readonly kind: "downloaded"; readonly content: Buffer }
  | { readonly kind: "too_large"; readonly bytes_max: number }
  | NotFound
  | Failed;

export interface BatchProvider {
  /** Uploads the lines and creates a batch of them. After a `failed`, no batch is known to exist. */
  submit(input: BatchInput): Promise<Submission>;
  status(batch_id: string): Promise<BatchView | NotFound | Failed>;
  download(file_id: string): Promise<Download>;
  /** Asks the provider to end the batch; what was done by then is in its files. */
  cancel(batch_id: string): Promise<{ readonly kind: "cancelling" } | NotFound | Failed>;
}
