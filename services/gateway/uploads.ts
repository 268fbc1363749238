/**
 * Uploads: a form with a file of any size, streamed to the storage as it comes. OpenAI's clients send its fields in the order that the
 * caller wrote them, so the file may come before anything is known of it: its bytes are taken first, and kept or dropped at the end.
 */
import type { Multipart } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Clock } from "../../libs/shared/clock.ts";
import type { FilesSettings } from "../../libs/shared/config/gateway.ts";
import type { Added, Taken, TenantFiles, TooLarge } from "../../libs/shared/files/file.ts";

/** What a tenant may upload; other files of OpenAI's have nobody here who reads them. */
const PURPOSES = ["batch", "user_data"] as const;
const FIELDS_MAX = 10;
const FIELD_BYTES_MAX = 1_000;
const FILENAME_LENGTH_MAX = 255;
/** Boundaries, headers and fields beside the file. */
const FRAMING_BYTES_MAX = 64 * 1024;
/** Without a byte from the caller; then nothing is kept. How long it may take in all, `gateway.upload_ms_max` says. */
const SILENCE_MS_MAX = 60_000;

/** The form, as OpenAI's clients write it. Fields stand in any order, before the file or after it. */
export const uploadForm = z.strictObject({
  purpose: z.enum(PURPOSES, `must be ${PURPOSES.join(" or ")}`),
  "expires_after[anchor]": z.literal("created_at", "must be created_at").optional(),
  "expires_after[seconds]": z.coerce.number("must be a number").int().min(3_600).max(2_592_000).optional(),
});

export type UploadDeps = {
  readonly files: TenantFiles;
  readonly settings: Pick<FilesSettings, "bytes_max" | "uploads_max">;
  readonly clock: Clock;
};

export type Uploaded =
  | Added
  | { readonly kind: "bad"; readonly param?: string; readonly message: string }
  | { readonly kind: "busy" };

/** What has come of a form so far. */
type Form = { readonly fields: Record<string, unknown>; taken?: Taken; filename?: string };

export class Uploads {
  readonly #deps: UploadDeps;
  #open = 0;

  constructor(deps: UploadDeps) {
    this.#deps = deps;
  }

  /** @throws while Postgres or the storage is away; whatever happens, an upload that was not added leaves nothing. */
  async upload(http: FastifyRequest, tenant: string): Promise<Uploaded> {
    const { settings } = this.#deps;
    if (!http.isMultipart()) return bad("send a form: multipart/form-data with the fields purpose and file");
    if (Number(http.headers["content-length"] ?? 0) > settings.bytes_max + FRAMING_BYTES_MAX) {
      return { kind: "too_large", limit: "files.bytes_max", bytes_max: settings.bytes_max };
    }
    if (this.#open >= settings.uploads_max) return { kind: "busy" };
    this.#open += 1;
    http.raw.setTimeout(SILENCE_MS_MAX, () => http.raw.destroy());
    try {
      return await this.#read(http, tenant);
    } finally {
      this.#open -= 1;
    }
  }

  async #read(http: FastifyRequest, tenant: string): Promise<Uploaded> {
    const { files, settings } = this.#deps;
    // The file's own limit is counted as it is written; one byte more lets that see that it is over.
    const limits = {
      ...{ files: 1, fileSize: settings.bytes_max + 1 },
      ...{ fields: FIELDS_MAX, fieldSize: FIELD_BYTES_MAX, parts: FIELDS_MAX + 1 },
    };
    const form: Form = { fields: {} };
    try {
      for await (const part of http.parts({ limits })) {
        const problem = await this.#part(tenant, part, form);
        if (problem !== undefined) return await this.#drop(form, problem);
      }
    } catch (error) {
      const problem = formProblem(error);
      const dropped = await this.#drop(form, problem ?? bad("the form broke off"));
      if (problem === undefined) throw error;
      return dropped;
    }
    const known = readForm(form);
    if (known.kind === "bad") return this.#drop(form, known);
    const expires_ms = known.seconds === undefined ? undefined : this.#deps.clock.now_ms() + known.seconds * 1_000;
    return files.keep(known.taken, {
      ...{ purpose: known.purpose, filename: known.filename },
      ...(expires_ms === undefined ? {} : { expires_ms }),
    });
  }

  /** @returns why the form cannot be taken, if so. */
  async #part(tenant: string, part: Multipart, form: Form): Promise<Uploaded | undefined> {
    if (part.type === "field") {
      if (part.fieldname in form.fields) return bad("is given twice", part.fieldname);
      if (part.valueTruncated) return bad(`may have ${FIELD_BYTES_MAX} bytes`, part.fieldname);
      form.fields[part.fieldname] = part.value;
      return undefined;
    }
    if (part.fieldname !== "file") return bad("the file goes into the field `file`", part.fieldname);
    const taken = await this.#deps.files.take(tenant, part.file as AsyncIterable<Uint8Array>);
    if (taken.kind !== "taken") return taken satisfies TooLarge;
    form.taken = taken;
    form.filename = plainName(part.filename);
    return undefined;
  }

  async #drop<T>({ taken }: Form, outcome: T): Promise<T> {
    if (taken !== undefined) await this.#deps.files.drop(taken);
    return outcome;
  }
}

function bad(message: string, param?: string): Extract<Uploaded, { kind: "bad" }> {
  return { kind: "bad", message: param === undefined ? message : `${param}: ${message}`, ...(param && { param }) };
}

type Known = {
  readonly kind: "known";
  readonly taken: Taken;
  readonly filename: string;
  readonly purpose: (typeof PURPOSES)[number];
  readonly seconds: number | undefined;
};

function readForm({ fields, taken, filename }: Form): Known | Extract<Uploaded, { kind: "bad" }> {
  const read = uploadForm.safeParse(fields);
  if (!read.success) {
    const [issue] = read.error.issues;
    if (issue?.code === "unrecognized_keys") return bad("there is no such field", issue.keys[0]);
    return bad(issue?.message ?? "is wrong", String(issue?.path[0] ?? "purpose"));
  }
  const { purpose, "expires_after[anchor]": anchor, "expires_after[seconds]": seconds } = read.data;
  if ((anchor === undefined) !== (seconds === undefined)) {
    const param = anchor === undefined ? "expires_after[anchor]" : "expires_after[seconds]";
    return bad("is needed beside the other", param);
  }
  if (taken === undefined || filename === undefined) return bad("is missing", "file");
  return { kind: "known", taken, filename, purpose, seconds };
}

/** A form that cannot be read is the caller's; its parser's errors say so by a status or in words alone. */
function formProblem(error: unknown): Extract<Uploaded, { kind: "bad" }> | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? String(error.code) : "";
  if (["FST_FILES_LIMIT", "FST_PARTS_LIMIT", "FST_FIELDS_LIMIT"].includes(code)) {
    return bad("send one file and no more fields than there are");
  }
  if (code.startsWith("FST_")) return bad(`the form cannot be read: ${error.message}`);
  return /multipart|terminated early|Malformed/i.test(error.message) ? bad("the form cannot be read") : undefined;
}

/** What may stand in lists and headers. */
function plainName(filename: string | undefined): string {
  const plain = (filename ?? "").toWellFormed().replace(/\p{C}/gu, "").slice(0, FILENAME_LENGTH_MAX).toWellFormed();
  return plain === "" ? "file" : plain;
}
