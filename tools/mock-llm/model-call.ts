/** What all model endpoints share: read, count, refuse or break, wait for a slot, answer. IO; the deciding is elsewhere. */

import { Call } from "./call.ts";
import { type ControlSources, type Controls, parseControls } from "./controls.ts";
import { deliver, type Reply } from "./deliver.ts";
import { type ApiError, errorOfStatus } from "./errors.ts";
import { chooseFault, type Fault } from "./faults.ts";
import { requestKey } from "./hash.ts";
import { type Exchange, readJson, sendError } from "./http.ts";
import type { Mock } from "./mock.ts";
import { limitHeaders } from "./rate-limit.ts";
import { asObject, type Parsed } from "./requests.ts";
import type { MockStats } from "./stats.ts";

export type ReplyInput<T> = {
  readonly request: T;
  /** The hash of the request. */
  readonly key: string;
  readonly controls: Controls;
  readonly slow: boolean;
};

/** A model endpoint: how it reads its requests and makes up its answers. */
export type ModelEndpoint<T extends { readonly model: string }> = {
  readonly path: string;
  readonly parse: (body: Readonly<Record<string, unknown>>) => Parsed<T>;
  /** Where a `[[mock ...]]` directive may stand. */
  readonly directiveText: (request: T) => string;
  /** What the call counts towards the limit of tokens a minute. */
  readonly limitTokens: (request: T) => number;
  readonly reply: (mock: Mock, input: ReplyInput<T>) => Reply;
};

/** The header, and the key of `metadata`, by which callers name their request. */
const ID_HEADER = "x-sluice-id";
const ID_METADATA = "sluice_id";
const ID_CHARS_MAX = 256;
/** A call that only warms up: answered as any other, and counted apart. */
const WARM_UP_HEADER = "x-sluice-warm-up";
/** What an injected 429 or 503 says, unless the request says otherwise. */
const RETRY_AFTER_MS = 1_000;

/** Where a call is counted. */
type Book = Pick<MockStats, "aborted" | "begin" | "end" | "fault" | "spend">;
const NO_BOOK: Book = { aborted() {}, begin: () => 1, end() {}, fault() {}, spend() {} };

type Received<T> = ReplyInput<T> & {
  readonly id: string | undefined;
  /** When it came, epoch ms. */
  readonly at_ms: number;
  readonly fault_attempt: number;
  readonly book: Book;
};

/** What a body asks for, or why it cannot be understood. */
export type RequestRead<T> =
  | { readonly ok: true; readonly request: T; readonly controls: Controls; readonly key: string }
  | { readonly ok: false; readonly error: ApiError };

/** Reads a body with what it asks of the mock itself. */
export function readRequest<T extends { readonly model: string }>(
  endpoint: ModelEndpoint<T>,
  body: Readonly<Record<string, unknown>>,
  headers: ControlSources["headers"],
): RequestRead<T> {
  const parsed = endpoint.parse(body);
  if (!parsed.ok) return parsed;
  const { request } = parsed;
  const text = endpoint.directiveText(request);
  const read = parseControls({ headers, metadata: body["metadata"], text, model: request.model });
  if (!read.ok) return read;
  return { ok: true, request, controls: read.controls, key: requestKey(endpoint.path, body) };
}

/** Serves one call. */
export async function serveModelCall<T extends { readonly model: string }>(
  mock: Mock,
  endpoint: ModelEndpoint<T>,
  asked: Exchange,
): Promise<void> {
  const warm_up = asked.req.headers[WARM_UP_HEADER] === "1";
  const exchange = warm_up ? { ...asked, onStatus: () => {} } : asked;
  const call = new Call(exchange.res);
  const json = await readJson(exchange);
  if (json === undefined) return;
  if (!json.ok) return sendError(exchange, json.error);
  const read = readRequest(endpoint, json.body, exchange.req.headers);
  if (!read.ok) return sendError(exchange, read.error);
  const { controls, key, request } = read;
  const id = callerId(exchange, json.body);
  const book = warm_up ? NO_BOOK : mock.stats;
  if (warm_up) mock.stats.warmUp();
  const at_ms = Date.now();
  const fault_attempt = book.begin({ path: endpoint.path, model: request.model, key, id, at_ms });
  try {
    const received = { request, key, controls, slow: false, id, at_ms, fault_attempt, book };
    await answerCall(mock, endpoint, exchange, call, received);
  } finally {
    if (call.left) book.aborted();
    book.end();
  }
}

async function answerCall<T extends { readonly model: string }>(
  mock: Mock,
  endpoint: ModelEndpoint<T>,
  exchange: Exchange,
  call: Call,
  received: Received<T>,
): Promise<void> {
  const { request } = received;
  const unknown = unknownModel(mock, request.model);
  if (unknown !== undefined) return sendError(exchange, unknown);
  const fault = faultOf(mock, received);
  if (fault !== undefined) received.book.fault(String(fault));
  if (typeof fault === "number") return sendError(exchange, statusFault(fault, received.controls));
  const headers: Record<string, string> = {};
  const verdict = mock.limiter.take(request.model, endpoint.limitTokens(request), mock.nowMs());
  if (verdict !== undefined) Object.assign(headers, limitHeaders(verdict));
  if (verdict?.allowed === false) {
    const type = verdict.refused_by ?? "requests";
    const message = `Rate limit reached for ${request.model} on ${type} per min.`;
    return sendError(exchange, errorOfStatus(429, { type, message, retry_after_ms: verdict.retry_after_ms }), headers);
  }
  if (!(await mock.slots.acquire(call))) {
    if (!call.left) sendError(exchange, errorOfStatus(503, { retry_after_ms: RETRY_AFTER_MS }), headers);
    return;
  }
  try {
    const reply = endpoint.reply(mock, { ...received, slow: fault === "slow" });
    const spend = (completion_tokens: number) => bookSpend(received, reply, completion_tokens);
    await deliver({ exchange, call, reply, fault, headers, nowMs: mock.nowMs, spend });
  } finally {
    mock.slots.release();
  }
}

function bookSpend<T extends { readonly model: string }>(
  received: Received<T>,
  reply: Reply,
  completion_tokens: number,
): void {
  const { prompt_tokens, cached_prompt_tokens } = reply;
  const { at_ms, book, id, request } = received;
  book.spend({ model: request.model, id, at_ms, prompt_tokens, cached_prompt_tokens, completion_tokens });
}

/** The fault of this call, if any. */
export function faultOf(mock: Mock, received: { controls: Controls; fault_attempt: number }): Fault | undefined {
  const { fault_rate, faults } = mock.behaviour;
  const { controls, fault_attempt: attempt } = received;
  return chooseFault({ spec: controls.fault, attempt, fault_rate, faults }, mock.random);
}

/** The error of an injected status. */
export function statusFault(status: number, controls: Controls): ApiError {
  if (status !== 429 && status !== 503) return errorOfStatus(status);
  return errorOfStatus(status, { retry_after_ms: controls.retry_after_ms ?? RETRY_AFTER_MS });
}

/** The error for a model that the server was not given. */
export function unknownModel(mock: Mock, model: string): ApiError | undefined {
  if (mock.options.models === undefined || mock.options.models.includes(model)) return undefined;
  const message = `The model '${model}' does not exist or you do not have access to it.`;
  return errorOfStatus(404, { message, param: "model" });
}

function callerId(exchange: Exchange, body: Readonly<Record<string, unknown>>): string | undefined {
  const id = exchange.req.headers[ID_HEADER] ?? asObject(body["metadata"])?.[ID_METADATA];
  return typeof id === "string" && id !== "" ? id.slice(0, ID_CHARS_MAX) : undefined;
}
