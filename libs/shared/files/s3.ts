/** Files in a bucket of S3, or of what speaks its protocol. Large ones go up in parts, a few at a time. */
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { unavailable } from "../errors.ts";
import { checkStorageKey, fileMissing } from "./keys.ts";
import type { S3Place } from "./places.ts";
import type { ByteRange, FileStorage } from "./storage.ts";

/** Of one upload 10,000 parts may be; two are in memory at once. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
const CONNECT_MS_MAX = 3_000;
/** Without a byte either way. */
const SILENCE_MS_MAX = 30_000;
/** Readiness is asked often, and by somebody who waits. */
const PROBLEMS_MS_MAX = 3_000;

export class S3Files implements FileStorage {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  /** Credentials come from where the SDK looks for them: AWS_ACCESS_KEY_ID and so on, profiles, the machine's role. */
  constructor({ bucket, prefix, endpoint, region, path_style }: S3Place) {
    this.#bucket = bucket;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
    this.#client = new S3Client({
      ...(region === undefined ? {} : { region }),
      ...(path_style ? { forcePathStyle: true } : {}),
      // Not everybody who speaks S3 knows its newer checksums.
      ...(endpoint === undefined
        ? {}
        : { endpoint, requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" }),
      requestHandler: { connectionTimeout: CONNECT_MS_MAX, socketTimeout: SILENCE_MS_MAX },
    });
  }

  async write(key: string, content: AsyncIterable<Uint8Array>): Promise<number> {
    let bytes = 0;
    let thrown: { readonly error: unknown } | undefined;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for await (const piece of content) {
          bytes += piece.length;
          yield piece;
        }
      } catch (error) {
        thrown = { error };
        throw error;
      }
    };
    const body = Readable.from(counted(), { objectMode: false });
    const params = { ...this.#object(key), Body: body };
    const upload = new Upload({ client: this.#client, params, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE });
    try {
      await upload.done();
      return bytes;
    } catch (error) {
      body.destroy();
      throw thrown === undefined ? unavailable("file_storage", error) : thrown.error;
    }
  }

  async *read(key: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    const object = this.#object(key);
    if (range !== undefined && range.end <= range.start) return;
    const bytes = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` };
    try {
      const { Body: body } = await this.#client.send(new GetObjectCommand({ ...object, ...bytes }));
      for await (const piece of body as Readable) yield piece as Buffer;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404 && error instanceof S3ServiceException && error.name === "NoSuchKey") {
        throw fileMissing(key, error);
      }
      // A range that begins at the end of the file or after it.
      if (status === 416) return;
      throw unavailable("file_storage", error);
    }
  }

  async remove(key: string): Promise<void> {
    const object = this.#object(key);
    await this.#send(() => this.#client.send(new DeleteObjectCommand(object)));
  }

  async removeUnfinished(before_ms: number): Promise<number> {
    const where = { Bucket: this.#bucket, Prefix: this.#prefix };
    const { Uploads: uploads = [] } = await this.#send(() =>
      this.#client.send(new ListMultipartUploadsCommand({ ...where, MaxUploads: 100 })),
    );
    const old = uploads.filter(({ Initiated: begun }) => begun !== undefined && begun.getTime() < before_ms);
    for (const { Key, UploadId } of old) {
      const one = { Bucket: this.#bucket, Key, UploadId };
      await this.#send(() => this.#client.send(new AbortMultipartUploadCommand(one)));
    }
    return old.length;
  }

  async problems(): Promise<string[]> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }), {
        abortSignal: AbortSignal.timeout(PROBLEMS_MS_MAX),
      });
      return [];
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return [`the bucket ${this.#bucket} for files does not exist`];
      if (status === 403)
        return [`the bucket ${this.#bucket} for files refuses these credentials (it needs s3:ListBucket)`];
      return [`the bucket ${this.#bucket} for files is away: ${error instanceof Error ? error.message : error}`];
    }
  }

  #object(key: string): { readonly Bucket: string; readonly Key: string } {
    checkStorageKey(key);
    return { Bucket: this.#bucket, Key: `${this.#prefix}${key}` };
  }

  async #send<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw unavailable("file_storage", error);
    }
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}
