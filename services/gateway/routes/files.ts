/** OpenAI's Files API. */
import { Readable } from "node:stream";
import multipart from "@fastify/multipart";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { SluiceError } from "../../../libs/shared/errors.ts";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import { FILE_PURPOSES, type FilePurpose, type StoredFile } from "../../../libs/shared/files/file.ts";
import { drain } from "../draining.ts";
import {
  badFile,
  disposition,
  fileDeleted,
  fileList,
  fileListOf,
  fileObject,
  fileObjectOf,
  tooLarge,
  unknownFile,
  wantedRange,
} from "../file-replies.ts";
import type { KeyRing } from "../keys.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type RouteDoc, type Routes } from "../route.ts";
import { failure, RETRY_AFTER, send } from "../sending.ts";
import { type UploadDeps, Uploads, uploadForm } from "../uploads.ts";

export type FileRoutesDeps = UploadDeps & { readonly keys: KeyRing };

type One = { Params: { id: string } };
type OneFile = FastifyRequest<One>;

const TAG = "Files";
/** As OpenAI's. */
const LIST_MAX = 10_000;
/** A reader that takes nothing for so long is cut off. */
const STALLED_MS_MAX = 60_000;

const listQuery = z.object({
  purpose: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(LIST_MAX),
  order: z.enum(["asc", "desc"]).default("desc"),
  after: z.string().optional(),
});

export function fileRoutes(deps: FileRoutesDeps): Routes {
  const uploads = new Uploads(deps);
  const ONE = { what: "The file", json: fileObject };
  const NONE = { what: "There is no such file" };
  const doc = (scope: "submit" | "read", summary: string, more: Omit<RouteDoc, "scope" | "summary" | "tag">) =>
    documented({ scope, summary, tag: TAG, ...more });
  const uploading = doc("submit", "Upload a file", {
    body: uploadForm.extend({ file: z.string().meta({ format: "binary" }) }),
    body_type: "multipart/form-data",
    replies: { 200: ONE, 400: { what: "The form is wrong" }, 413: { what: "The file is too large" } },
  });
  const listing = { query: listQuery, replies: { 200: { what: "A page of files", json: fileList } } };
  const content = { what: "The file's bytes", type: "application/octet-stream" };
  const reading = { 200: content, 206: content, 404: NONE, 416: { what: "The file has no such range" } };
  const removing = { replies: { 200: { what: "It is gone", json: fileDeleted }, 404: NONE } };
  return (app) => {
    // The parser is for these routes alone.
    app.register(async (scope) => {
      await scope.register(multipart, { throwFileSizeLimit: false });
      scope.post("/v1/files", uploading, (request, reply) => upload(deps, uploads, request, reply));
    });
    app.get("/v1/files", doc("read", "List files", listing), (request, reply) => list(deps, request, reply));
    app.get<One>(
      "/v1/files/:id",
      doc("read", "Look at a file", { replies: { 200: ONE, 404: NONE } }),
      async (request, reply) => {
        const found = await findFile(deps, request, reply);
        return found === undefined ? reply : reply.send(fileObjectOf(found));
      },
    );
    // A HEAD would read the whole file for nobody.
    const downloading = { ...doc("read", "Download a file", { replies: reading }), exposeHeadRoute: false };
    app.get<One>("/v1/files/:id/content", downloading, (request, reply) => download(deps, request, reply));
    app.delete<One>("/v1/files/:id", doc("submit", "Delete a file", removing), (request, reply) =>
      remove(deps, request, reply),
    );
  };
}

async function upload(
  { keys }: FileRoutesDeps,
  uploads: Uploads,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = callerOf(keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const uploaded = await uploads.upload(http, caller.tenant);
  if (uploaded.kind === "added") return reply.send(fileObjectOf(uploaded.file));
  // Clients read a reply only after they have sent all.
  await drain(http.raw);
  if (uploaded.kind === "too_large") return send(reply, tooLarge(uploaded));
  if (uploaded.kind === "bad") return send(reply, badFile(uploaded.param, uploaded.message));
  const busy = failure("overloaded", "api_error", "too many uploads are under way; try again soon");
  return send(reply, errorReply(503, busy, RETRY_AFTER));
}

async function list({ keys, files }: FileRoutesDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(keys, http, "read", reply);
  if (caller === undefined) return reply;
  const read = listQuery.safeParse(http.query);
  if (!read.success) {
    const { param, message } = firstProblem(read.error);
    return send(reply, badFile(param, message));
  }
  const { purpose, limit, order, after } = read.data;
  // OpenAI has more purposes: of those there are no files.
  if (purpose !== undefined && !isPurpose(purpose)) return reply.send(fileListOf([], false));
  const last = after !== undefined && isId(after) ? await files.find(caller.tenant, after) : undefined;
  if (after !== undefined && last === undefined) {
    return send(reply, badFile("after", "after: there is no such file; begin with the first page"));
  }
  const page = await files.list(caller.tenant, {
    ...{ limit, order },
    ...(purpose === undefined ? {} : { purpose }),
    ...(last === undefined ? {} : { after: last }),
  });
  return reply.send(fileListOf(page.files, page.has_more));
}

function isPurpose(purpose: string): purpose is FilePurpose {
  return (FILE_PURPOSES as readonly string[]).includes(purpose);
}

/** Undefined when a refusal was sent. */
async function findFile(deps: FileRoutesDeps, http: OneFile, reply: FastifyReply): Promise<StoredFile | undefined> {
  const caller = callerOf(deps.keys, http, "read", reply);
  if (caller === undefined) return undefined;
  const { id } = http.params;
  // What cannot be an id of ours is asked of nobody.
  const found = isId(id) ? await deps.files.find(caller.tenant, id) : undefined;
  if (found === undefined) send(reply, unknownFile());
  return found;
}

function isId(id: string): boolean {
  return /^[\w.:-]{1,200}$/.test(id);
}

async function download(deps: FileRoutesDeps, http: OneFile, reply: FastifyReply): Promise<FastifyReply> {
  const file = await findFile(deps, http, reply);
  if (file === undefined) return reply;
  const wanted = wantedRange(http.headers.range, file.bytes);
  reply.header("accept-ranges", "bytes");
  if (wanted === "none") {
    const error = failure("invalid_request", "invalid_request_error", `range: the file has ${file.bytes} bytes`);
    return send(reply, errorReply(416, error, { "content-range": `bytes */${file.bytes}` }));
  }
  const { start, end } = wanted === "all" ? { start: 0, end: file.bytes } : wanted;
  const pieces = deps.files.read(file, { start, end })[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array>;
  try {
    // What fails before the first byte can still be said.
    first = await pieces.next();
  } catch (error) {
    // It was deleted between the look and the read.
    if (error instanceof SluiceError && error.code === "file_missing") return send(reply, unknownFile());
    throw error;
  }
  if (wanted !== "all") reply.code(206).header("content-range", `bytes ${start}-${end - 1}/${file.bytes}`);
  reply.raw.setTimeout(STALLED_MS_MAX, () => reply.raw.destroy());
  return reply
    .headers({
      "content-type": "application/octet-stream",
      "content-length": String(end - start),
      "content-disposition": disposition(file.filename),
      "x-content-type-options": "nosniff",
    })
    .send(Readable.from(restOf(first, pieces), { objectMode: false }));
}

/** No generator: one that is stopped before it began would leave the file open. */
function restOf(first: IteratorResult<Uint8Array>, pieces: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  let held: IteratorResult<Uint8Array> | undefined = first;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    const piece = held ?? (await pieces.next());
    held = undefined;
    return piece;
  };
  const end = async (): Promise<IteratorResult<Uint8Array>> => {
    await pieces.return?.();
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}

async function remove(deps: FileRoutesDeps, http: OneFile, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const { id } = http.params;
  const gone = isId(id) && (await deps.files.remove(caller.tenant, id));
  return gone ? reply.send({ id, object: "file", deleted: true }) : send(reply, unknownFile());
}
