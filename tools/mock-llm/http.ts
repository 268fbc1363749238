/** Reading and writing HTTP: one request with its answer, and what can go wrong on the way. IO only. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApiError, badRequest, errorBody, retryHeaders } from "./errors.ts";

/** One request and its answer. */
export type Exchange = {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Told every status that is sent. */
  readonly onStatus: (status: number) => void;
};

/** Bodies larger than this are refused with 413. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

const JSON_TYPE = "application/json";

export type JsonBody =
  | { readonly ok: true; readonly body: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly error: ApiError };

/** Reads a JSON object; undefined when the client left before its end. */
export async function readJson(exchange: Exchange): Promise<JsonBody | undefined> {
  const bytes = await readBytes(exchange.req, BODY_BYTES_MAX);
  if (bytes === undefined) return undefined;
  if (bytes === "too_large") {
    return { ok: false, error: { ...badRequest(`The body is larger than ${BODY_BYTES_MAX} bytes.`), status: 413 } };
  }
  try {
    const body: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      return { ok: true, body: body as Record<string, unknown> };
    }
  } catch {
    // Falls through: the answer is the same for a body that is no JSON and for one that is no object.
  }
  return { ok: false, error: badRequest("We could not parse the JSON body of your request: expected an object.") };
}

/** Reads a whole body; undefined when the client left before its end. What is larger is read and thrown away. */
export function readBytes(req: IncomingMessage, bytes_max: number): Promise<Buffer | "too_large" | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytes_max) chunks.push(chunk);
      else chunks.length = 0;
    });
    req.on("end", () => {
      if (bytes > bytes_max) return resolve("too_large");
      resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    });
    req.on("close", () => resolve(undefined));
  });
}

/** Sends a JSON body that is already text. */
export function sendJson(exchange: Exchange, status: number, body: string, headers: Record<string, string> = {}): void {
  exchange.onStatus(status);
  exchange.res.writeHead(status, { "content-type": JSON_TYPE, "content-length": Buffer.byteLength(body), ...headers });
  exchange.res.end(body);
}

/** Sends an error in OpenAI's shape, with `retry-after` where the error knows. */
export function sendError(exchange: Exchange, error: ApiError, headers: Record<string, string> = {}): void {
  sendJson(exchange, error.status, errorBody(error), { ...headers, ...retryHeaders(error) });
}
