/** `/v1/batches`: the provider's Batch API. */

import { z } from "zod";
import { type LineRunner, lineRunner } from "../batch-line.ts";
import { runBatch } from "../batch-run.ts";
import type { BatchObject } from "../batch-store.ts";
import { type ApiError, badRequest, errorOfStatus } from "../errors.ts";
import { type Exchange, readJson, sendError, sendJson } from "../http.ts";
import type { Mock } from "../mock.ts";
import type { Route } from "../router.ts";
import { CHAT_ENDPOINT } from "./chat.ts";
import { EMBEDDINGS_ENDPOINT } from "./embeddings.ts";
import { noSuchFile } from "./files.ts";

const PATH = "/v1/batches";
const LIST_LIMIT_DEFAULT = 20;
const LIST_LIMIT_MAX = 100;

/** Who runs the lines of which endpoint. */
const RUNNERS: ReadonlyMap<string, LineRunner> = new Map([
  [CHAT_ENDPOINT.path, lineRunner(CHAT_ENDPOINT)],
  [EMBEDDINGS_ENDPOINT.path, lineRunner(EMBEDDINGS_ENDPOINT)],
]);

const CREATE = z.object({
  input_file_id: z.string().min(1),
  endpoint: z.enum([...RUNNERS.keys()]),
  completion_window: z.literal("24h"),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= 16, "at most 16 pairs")
    .nullish(),
});

/** Create, look, list and cancel. */
export function batchRoutes(mock: Mock): Route[] {
  return [
    { method: "POST", path: PATH, access: "keyed", handle: (exchange) => create(mock, exchange) },
    { method: "GET", path: PATH, access: "keyed", handle: (exchange) => list(mock, exchange) },
    {
      method: "GET",
      path: `${PATH}/:id`,
      access: "keyed",
      handle: (exchange) => {
        const batch = mock.batches.batch(exchange.params["id"] ?? "");
        if (batch === undefined) sendError(exchange, noSuchBatch(exchange));
        else reply(exchange, batch);
      },
    },
    { method: "POST", path: `${PATH}/:id/cancel`, access: "keyed", handle: (exchange) => cancel(mock, exchange) },
  ];
}

async function create(mock: Mock, exchange: Exchange): Promise<void> {
  const json = await readJson(exchange);
  if (json === undefined) return;
  if (!json.ok) return sendError(exchange, json.error);
  const read = CREATE.safeParse(json.body);
  if (!read.success) {
    const [issue] = read.error.issues;
    return sendError(exchange, badRequest(issue?.message ?? "", issue?.path.join(".") ?? null));
  }
  const { endpoint, input_file_id, metadata } = read.data;
  const input = mock.batches.file(input_file_id);
  if (input === undefined) return sendError(exchange, noSuchFile(input_file_id));
  const run = RUNNERS.get(endpoint);
  const open = mock.batches.open(input, endpoint, metadata ?? null);
  if (run === undefined || open === undefined) {
    const message = "Too many batches are under way.";
    return sendError(exchange, errorOfStatus(429, { message, retry_after_ms: 1_000 }));
  }
  mock.stats.batch();
  reply(exchange, open.batch);
  await runBatch(mock, open, run);
}

function list(mock: Mock, exchange: Exchange): void {
  const limit = Number(exchange.query.get("limit") ?? LIST_LIMIT_DEFAULT);
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= LIST_LIMIT_MAX)) {
    sendError(exchange, badRequest(`'limit' must be 1 to ${LIST_LIMIT_MAX}.`, "limit"));
    return;
  }
  const after = exchange.query.get("after") ?? undefined;
  const found = mock.batches.list(after, limit);
  if (found === undefined) {
    sendError(exchange, badRequest(`No batch found with id '${after}'.`, "after"));
    return;
  }
  const { data, has_more } = found;
  const body = { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more };
  reply(exchange, body);
}

function cancel(mock: Mock, exchange: Exchange): void {
  const batch = mock.batches.batch(exchange.params["id"] ?? "");
  if (batch === undefined) sendError(exchange, noSuchBatch(exchange));
  else if (batch.status === "cancelling" || mock.batches.cancel(batch.id)) reply(exchange, batch);
  else sendError(exchange, { ...badRequest(`Cannot cancel a batch with status '${batch.status}'.`), status: 409 });
}

function noSuchBatch(exchange: Exchange): ApiError {
  return { ...badRequest(`No batch found with id '${exchange.params["id"]}'.`), status: 404 };
}

function reply(exchange: Exchange, value: BatchObject | Readonly<Record<string, unknown>>): void {
  sendJson(exchange, 200, JSON.stringify(value));
}
