/** A provider's Batch API over HTTP: undici, with bounds on time and bytes. */

import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { Pool } from "undici";
import { readBounded } from "../../../libs/shared/http/bounded.ts";
import { readProviderLimits } from "../limits/provider-limits.ts";
import { batchOfInput, batchView, createdId, errorMessage } from "./batch-object.ts";
import { endpointUrl } from "./jsonl.ts";
import type { BatchInput, BatchProvider, BatchView, Download, Failed, NotFound, Submission } from "./provider.ts";

export type HttpBatchOptions = {
  /** Ends in the API's version: `https://api.openai.com/v1`. */
  readonly base_url: string;
  readonly api_key: string | undefined;
  /** Of everything but the transfer of files. */
  readonly timeout_ms: number;
  /** Of one upload or download. */
  readonly transfer_timeout_ms: number;
  /** A file that is larger is not read to its end. */
  readonly file_bytes_max: number;
};

const CONNECTIONS_MAX = 4;
/** Of every answer that is no file. */
const JSON_BYTES_MAX = 4 * 1024 * 1024;
/** Batches looked through for one whose creation has no known answer: the provider's page. */
const LIST_LIMIT = 100;

type Body = { readonly type: string; readonly parts: readonly Buffer[] };
type Ask = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: Body;
  readonly timeout_ms: number;
  readonly bytes_max: number;
};
type Answer =
  | { readonly kind: "answered"; readonly status: number; readonly body: Buffer; readonly retry_after_ms?: number }
  | { readonly kind: "too_large" }
  | { readonly kind: "unreachable"; readonly message: string };

export class HttpBatchProvider implements BatchProvider {
  readonly #options: HttpBatchOptions;
  readonly #prefix: string;
  readonly #pool: Pool;

  constructor(options: HttpBatchOptions) {
    const url = new URL(options.base_url);
    this.#options = options;
    this.#prefix = url.pathname.replace(/\/$/, "");
    this.#pool = new Pool(url.origin, { connections: CONNECTIONS_MAX, connect: { timeout: 5_000 } });
  }

  async submit(input: BatchInput): Promise<Submission> {
    const uploaded = await this.#ask({
      method: "POST",
      path: "/files",
      body: fileForm(input.lines),
      timeout_ms: this.#options.transfer_timeout_ms,
      bytes_max: JSON_BYTES_MAX,
    });
    const input_file_id = isOk(uploaded) ? createdId(jsonOf(uploaded.body)) : undefined;
    if (input_file_id === undefined) return failureOf(uploaded, "the upload of a batch's file");
    const created = await this.#json("POST", "/batches", {
      input_file_id,
      endpoint: endpointUrl(input.path),
      completion_window: "24h",
      metadata: input.metadata,
    });
    const batch_id = isOk(created) ? createdId(jsonOf(created.body)) : undefined;
    if (batch_id !== undefined) return { kind: "submitted", batch_id };
    const failed = failureOf(created, "the creation of a batch");
    // Without a clear refusal the batch may exist all the same, and be charged for: the file's id tells.
    const found = failed.retryable && !isRefused(created) ? await this.#find(input_file_id) : undefined;
    if (found !== undefined) return { kind: "submitted", batch_id: found };
    // Should the batch exist in spite of all, it fails without its file: nobody would read its answers.
    await this.#json("DELETE", `/files/${input_file_id}`);
    return failed;
  }

  async status(batch_id: string): Promise<BatchView | NotFound | Failed> {
    const answer = await this.#json("GET", `/batches/${batch_id}`);
    if (isStatus(answer, 404)) return { kind: "not_found" };
    const view = isOk(answer) ? batchView(jsonOf(answer.body)) : undefined;
    return view ?? failureOf(answer, "the status of a batch");
  }

  async download(file_id: string): Promise<Download> {
    const { file_bytes_max: bytes_max, transfer_timeout_ms: timeout_ms } = this.#options;
    const answer = await this.#ask({ method: "GET", path: `/files/${file_id}/content`, timeout_ms, bytes_max });
    if (isOk(answer)) return { kind: "downloaded", content: answer.body };
    if (isStatus(answer, 404)) return { kind: "not_found" };
    return answer.kind === "too_large" ? { kind: "too_large", bytes_max } : failureOf(answer, "a batch's file");
  }

  async cancel(batch_id: string): Promise<{ readonly kind: "cancelling" } | NotFound | Failed> {
    const answer = await this.#json("POST", `/batches/${batch_id}/cancel`, {});
    if (isStatus(answer, 404)) return { kind: "not_found" };
    // 409: it is over already.
    return isOk(answer) || isStatus(answer, 409)
      ? { kind: "cancelling" }
      : failureOf(answer, "the cancelling of a batch");
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #find(input_file_id: string): Promise<string | undefined> {
    const answer = await this.#json("GET", `/batches?limit=${LIST_LIMIT}`);
    return isOk(answer) ? batchOfInput(jsonOf(answer.body), input_file_id) : undefined;
  }

  #json(method: Ask["method"], path: string, value?: unknown): Promise<Answer> {
    const { timeout_ms } = this.#options;
    const ask: Ask = { method, path, timeout_ms, bytes_max: JSON_BYTES_MAX };
    if (value === undefined) return this.#ask(ask);
    return this.#ask({ ...ask, body: { type: "application/json", parts: [Buffer.from(JSON.stringify(value))] } });
  }

  async #ask({ body, bytes_max, method, path, timeout_ms }: Ask): Promise<Answer> {
    const { api_key } = this.#options;
    const parts = body?.parts ?? [];
    const length = parts.reduce((bytes, part) => bytes + part.length, 0);
    try {
      const response = await this.#pool.request({
        method,
        path: this.#prefix + path,
        headers: {
          ...(body === undefined ? {} : { "content-type": body.type, "content-length": String(length) }),
          ...(api_key === undefined ? {} : { authorization: `Bearer ${api_key}` }),
        },
        body: body === undefined ? null : Readable.from(parts),
        signal: AbortSignal.timeout(timeout_ms),
        headersTimeout: timeout_ms,
        bodyTimeout: timeout_ms,
      });
      const refused = response.statusCode >= 300;
      const read = await readBounded(response.body, refused ? JSON_BYTES_MAX : bytes_max);
      if (read === undefined) return { kind: "too_large" };
      const { retry_after_ms } = readProviderLimits(response.headers, Date.now());
      const retry = retry_after_ms === undefined ? {} : { retry_after_ms };
      return { kind: "answered", status: response.statusCode, body: read, ...retry };
    } catch (error) {
      return { kind: "unreachable", message: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** The upload as multipart/form-data (RFC 7578), the lines not copied: they may be the largest thing in memory. */
function fileForm(lines: Buffer): Body {
  const boundary = `sluice-${randomUUID()}`;
  const head =
    `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n` +
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="batch.jsonl"\r\n` +
    "content-type: application/jsonl\r\n\r\n";
  const parts = [Buffer.from(head), lines, Buffer.from(`\r\n--${boundary}--\r\n`)];
  return { type: `multipart/form-data; boundary=${boundary}`, parts };
}

type Answered = Extract<Answer, { kind: "answered" }>;

function isOk(answer: Answer): answer is Answered {
  return answer.kind === "answered" && answer.status >= 200 && answer.status < 300;
}

function isStatus(answer: Answer, status: number): boolean {
  return answer.kind === "answered" && answer.status === status;
}

/** Said clearly that nothing was done. */
function isRefused(answer: Answer): boolean {
  return answer.kind === "answered" && answer.status >= 400 && answer.status < 500 && answer.status !== 408;
}

function failureOf(answer: Answer, what: string): Failed {
  if (answer.kind === "unreachable") return { kind: "failed", message: `${what}: ${answer.message}`, retryable: true };
  if (answer.kind === "too_large")
    return { kind: "failed", message: `${what}: the answer is too large`, retryable: true };
  const { body, retry_after_ms, status } = answer;
  const detail = status < 300 ? "not a batch or file" : (errorMessage(jsonOf(body)) ?? "no message");
  // What is no refusal of this request may pass: a limit, a conflict, a fault of theirs, an answer that makes no sense.
  const retryable = status < 400 || status >= 500 || status === 408 || status === 409 || status === 429;
  const message = `${what}: HTTP ${status}: ${detail}`;
  return { kind: "failed", message, retryable, ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
