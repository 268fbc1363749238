/** `/v1/files`, for the input and output of batches. */

import { badRequest } from "../errors.ts";
import { type Exchange, readBytes, sendError, sendJson } from "../http.ts";
import type { Mock } from "../mock.ts";
import type { Route } from "../router.ts";

const PATH = "/v1/files";
const UPLOAD_BYTES_MAX = 100 * 1024 * 1024;

/** Upload, look, read and delete. */
export function fileRoutes(mock: Mock): Route[] {
  const one = `${PATH}/:id`;
  return [
    { method: "POST", path: PATH, access: "keyed", handle: (exchange) => upload(mock, exchange) },
    {
      method: "GET",
      path: one,
      access: "keyed",
      handle: (exchange) => {
        const stored = mock.batches.file(idOf(exchange));
        if (stored === undefined) sendError(exchange, noSuchFile(idOf(exchange)));
        else sendJson(exchange, 200, JSON.stringify(stored.file));
      },
    },
    { method: "GET", path: `${one}/content`, access: "keyed", handle: (exchange) => content(mock, exchange) },
    {
      method: "DELETE",
      path: one,
      access: "keyed",
      handle: (exchange) => {
        const id = idOf(exchange);
        if (!mock.batches.deleteFile(id)) sendError(exchange, noSuchFile(id));
        else sendJson(exchange, 200, JSON.stringify({ id, object: "file", deleted: true }));
      },
    },
  ];
}

/** The answer to an id that is not, or no longer, known. */
export function noSuchFile(id: string) {
  return { ...badRequest(`No such File object: ${id}`, "id"), status: 404 };
}

function idOf(exchange: Exchange): string {
  return exchange.params["id"] ?? "";
}

async function upload(mock: Mock, exchange: Exchange): Promise<void> {
  const bytes = await readBytes(exchange.req, UPLOAD_BYTES_MAX);
  if (bytes === undefined) return;
  if (bytes === "too_large") {
    return sendError(exchange, { ...badRequest(`The file is larger than ${UPLOAD_BYTES_MAX} bytes.`), status: 413 });
  }
  const form = await formOf(bytes, exchange.req.headers["content-type"]);
  if (form === undefined) return sendError(exchange, badRequest("Expected a body of type multipart/form-data."));
  const file = form.get("file");
  if (!(file instanceof File)) return sendError(exchange, badRequest("'file' is a required property", "file"));
  if (form.get("purpose") !== "batch") {
    return sendError(exchange, badRequest("'purpose' must be 'batch': this server knows no other.", "purpose"));
  }
  const stored = mock.batches.addFile(Buffer.from(await file.arrayBuffer()), file.name, "batch");
  sendJson(exchange, 200, JSON.stringify(stored));
}

async function formOf(bytes: Buffer, type: string | undefined): Promise<FormData | undefined> {
  if (type?.startsWith("multipart/form-data") !== true) return undefined;
  try {
    return await new Response(new Uint8Array(bytes), { headers: { "content-type": type } }).formData();
  } catch {
    return undefined;
  }
}

function content(mock: Mock, exchange: Exchange): void {
  const stored = mock.batches.file(idOf(exchange));
  if (stored === undefined) {
    sendError(exchange, noSuchFile(idOf(exchange)));
    return;
  }
  exchange.onStatus(200);
  const headers = { "content-type": "application/octet-stream", "content-length": stored.content.length };
  exchange.res.writeHead(200, headers);
  exchange.res.end(stored.content);
}
