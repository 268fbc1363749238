/** Files as OpenAI's API tells of them, and what a download says in its headers. Pure. */
import { z } from "zod";
import { FILE_PURPOSES, type StoredFile, type TooLarge } from "../../libs/shared/files/file.ts";
import { listSchema } from "./lists.ts";
import { errorReply, type HttpReply } from "./replies.ts";
import { failure } from "./sending.ts";

export const fileObject = z.object({
  id: z.string(),
  object: z.literal("file"),
  bytes: z.int(),
  /** Epoch seconds, as is the next. */
  created_at: z.int(),
  expires_at: z.int().optional(),
  filename: z.string(),
  purpose: z.enum(FILE_PURPOSES),
  status: z.literal("processed"),
});
export const fileList = listSchema(fileObject);
export const fileDeleted = z.object({ id: z.string(), object: z.literal("file"), deleted: z.literal(true) });

const seconds = (time_ms: number): number => Math.floor(time_ms / 1_000);

export function fileObjectOf(file: StoredFile): z.infer<typeof fileObject> {
  const { id, bytes, filename, purpose, created_ms, expires_ms } = file;
  return {
    ...{ id, object: "file", bytes, created_at: seconds(created_ms) },
    ...(expires_ms === undefined ? {} : { expires_at: seconds(expires_ms) }),
    ...{ filename, purpose, status: "processed" },
  };
}

export function fileListOf(files: readonly StoredFile[], has_more: boolean): z.infer<typeof fileList> {
  const data = files.map(fileObjectOf);
  return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more };
}

export function unknownFile(): HttpReply {
  return errorReply(404, { ...failure("not_found", "invalid_request_error", "there is no such file"), param: "id" });
}

export function badFile(param: string | undefined, message: string): HttpReply {
  const error = failure("invalid_request", "invalid_request_error", message);
  return errorReply(400, param === undefined ? error : { ...error, param });
}

export function tooLarge({ limit, bytes_max }: Omit<TooLarge, "kind">): HttpReply {
  const message =
    limit === "files.bytes_max"
      ? `a file may have ${bytes_max} bytes (files.bytes_max); split it`
      : `all your files together may have ${bytes_max} bytes (files.tenant_bytes_max); delete some, or let some expire`;
  return errorReply(413, { ...failure("file_too_large", "invalid_request_error", message), param: "file" });
}

/** Half open, as the storage reads it. */
export type Wanted = "all" | "none" | { readonly start: number; readonly end: number };

/** What of a file the `Range` header wants (RFC 9110, 14.2). What is no single range of bytes is passed over, as it says one may. */
export function wantedRange(header: string | undefined, bytes: number): Wanted {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  const [first = "", last = ""] = match?.slice(1) ?? [];
  if (first === "" && last === "") return "all";
  if (first === "") {
    const start = Math.max(0, bytes - Number(last));
    return start >= bytes ? "none" : { start, end: bytes };
  }
  if (last !== "" && Number(last) < Number(first)) return "all";
  if (Number(first) >= bytes) return "none";
  return { start: Number(first), end: last === "" ? bytes : Math.min(bytes, Number(last) + 1) };
}

/** Saved and never shown, under its name (RFC 6266): whatever the name holds, it ends neither the value nor the header. */
export function disposition(filename: string): string {
  const plain = filename.replace(/[^\w .()-]/g, "_");
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
