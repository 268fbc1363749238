/** Files and batches of one mock server, in memory and bounded: the oldest go first. */

import { randomUUID } from "node:crypto";
import type { LineProblem } from "./batch-input.ts";

export const FILES_MAX = 1_000;
/** Of all files together. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;
const BATCHES_MAX = 1_000;
/** Batches that are not yet over, and the bytes of their input; one more is refused. */
export const OPEN_BATCHES_MAX = 100;
const OPEN_INPUT_BYTES_MAX = 256 * 1024 * 1024;

/** OpenAI's file object. */
export type FileObject = {
  readonly id: string;
  readonly object: "file";
  readonly bytes: number;
  /** Epoch seconds. */
  readonly created_at: number;
  readonly filename: string;
  readonly purpose: "batch" | "batch_output";
  readonly status: "processed";
};

export type StoredFile = { readonly file: FileObject; readonly content: Buffer };

export type BatchStatus =
  | "validating"
  | "failed"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "expired"
  | "cancelling"
  | "cancelled";

/** OpenAI's batch object; times in epoch seconds. */
export type BatchObject = {
  readonly id: string;
  readonly object: "batch";
  readonly endpoint: string;
  errors: { readonly object: "list"; readonly data: readonly LineProblem[] } | null;
  readonly input_file_id: string;
  readonly completion_window: "24h";
  status: BatchStatus;
  output_file_id: string | null;
  error_file_id: string | null;
  readonly created_at: number;
  in_progress_at: number | null;
  readonly expires_at: number;
  finalizing_at: number | null;
  completed_at: number | null;
  failed_at: number | null;
  expired_at: number | null;
  cancelling_at: number | null;
  cancelled_at: number | null;
  readonly request_counts: { total: number; completed: number; failed: number };
  readonly metadata: Readonly<Record<string, string>> | null;
};

/** A batch under way. */
export type OpenBatch = {
  readonly batch: BatchObject;
  readonly input: Buffer;
  /** Aborted when it is cancelled, or the server closes. */
  readonly ending: AbortController;
};

const DAY_S = 86_400;

export class BatchStore {
  readonly #files = new Map<string, StoredFile>();
  #file_bytes = 0;
  readonly #batches = new Map<string, BatchObject>();
  readonly #open = new Map<string, OpenBatch>();
  #open_bytes = 0;
  #closed = false;

  /** True once the server closes: nothing is written any more. */
  get closed(): boolean {
    return this.#closed;
  }

  addFile(content: Buffer, filename: string, purpose: FileObject["purpose"]): FileObject {
    const id = `file-${randomUUID().replaceAll("-", "")}`;
    const created_at = nowS();
    const file: FileObject = {
      id,
      object: "file",
      bytes: content.length,
      created_at,
      filename,
      purpose,
      status: "processed",
    };
    this.#files.set(id, { file, content });
    this.#file_bytes += content.length;
    for (const oldest of this.#files.keys()) {
      if (oldest === id || (this.#files.size <= FILES_MAX && this.#file_bytes <= FILE_BYTES_MAX)) break;
      this.deleteFile(oldest);
    }
    return file;
  }

  file(id: string): StoredFile | undefined {
    return this.#files.get(id);
  }

  /** False when there is no such file. */
  deleteFile(id: string): boolean {
    this.#file_bytes -= this.#files.get(id)?.content.length ?? 0;
    return this.#files.delete(id);
  }

  /** A new batch in `validating`, or undefined when too much is under way. */
  open(input: StoredFile, endpoint: string, metadata: BatchObject["metadata"]): OpenBatch | undefined {
    const { content } = input;
    if (this.#open.size >= OPEN_BATCHES_MAX || this.#open_bytes + content.length > OPEN_INPUT_BYTES_MAX)
      return undefined;
    const batch = newBatch(input.file.id, endpoint, metadata);
    this.#batches.set(batch.id, batch);
    for (const id of this.#batches.keys()) {
      if (this.#batches.size <= BATCHES_MAX) break;
      if (!this.#open.has(id)) this.#batches.delete(id);
    }
    const open = { batch, input: content, ending: new AbortController() };
    this.#open.set(batch.id, open);
    this.#open_bytes += content.length;
    return open;
  }

  /** The batch is over. */
  end(open: OpenBatch): void {
    if (this.#open.delete(open.batch.id)) this.#open_bytes -= open.input.length;
  }

  batch(id: string): BatchObject | undefined {
    return this.#batches.get(id);
  }

  /** Ends a batch under way. @returns false when it is over, or being cancelled already. */
  cancel(id: string): boolean {
    const open = this.#open.get(id);
    if (open === undefined || open.ending.signal.aborted) return false;
    open.batch.status = "cancelling";
    open.batch.cancelling_at = nowS();
    open.ending.abort();
    return true;
  }

  /** The newest first, those made before `after` where given (undefined when that one is not known). */
  list(after: string | undefined, limit: number): { data: BatchObject[]; has_more: boolean } | undefined {
    const newest = [...this.#batches.values()].reverse();
    const at = after === undefined ? 0 : newest.findIndex(({ id }) => id === after) + 1;
    if (after !== undefined && at === 0) return undefined;
    return { data: newest.slice(at, at + limit), has_more: newest.length > at + limit };
  }

  /** Ends everything under way, as it stands. */
  close(): void {
    this.#closed = true;
    for (const { ending } of this.#open.values()) ending.abort();
  }
}

/** Epoch seconds, as all times of files and batches. */
export function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}

function newBatch(input_file_id: string, endpoint: string, metadata: BatchObject["metadata"]): BatchObject {
  const created_at = nowS();
  return {
    id: `batch_${randomUUID().replaceAll("-", "")}`,
    object: "batch",
    endpoint,
    errors: null,
    input_file_id,
    completion_window: "24h",
    status: "validating",
    output_file_id: null,
    error_file_id: null,
    created_at,
    in_progress_at: null,
    expires_at: created_at + DAY_S,
    finalizing_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    metadata,
  };
}
