/** Files in a folder. What is being written lies in a folder of its own and is moved when it is whole and on the disk. */
import { randomUUID } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { unavailable } from "../errors.ts";
import { checkStorageKey, fileMissing } from "./keys.ts";
import type { ByteRange, FileStorage } from "./storage.ts";

/** No key begins with a dot. */
const UNFINISHED = ".unfinished";

export class DiskFiles implements FileStorage {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async write(key: string, content: AsyncIterable<Uint8Array>): Promise<number> {
    checkStorageKey(key);
    const unfinished = join(this.#root, UNFINISHED, randomUUID());
    await onDisk(() => mkdir(dirname(unfinished), { recursive: true }));
    const handle = await onDisk(() => open(unfinished, "wx", 0o600));
    try {
      const bytes = await writeAll(handle, content);
      await onDisk(() => handle.sync());
      await handle.close();
      await onDisk(() => this.#place(unfinished, this.#path(key)));
      return bytes;
    } catch (error) {
      await handle.close().catch(() => undefined);
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async *read(key: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    checkStorageKey(key);
    const handle = await onDisk(() => open(this.#path(key)), key);
    // A stream's end is included: an empty range has none.
    if (range !== undefined && range.end <= range.start) return handle.close();
    const bounds = range === undefined ? {} : { start: range.start, end: range.end - 1 };
    const stream = createReadStream("", { fd: handle, ...bounds });
    try {
      for await (const piece of stream) yield piece as Buffer;
    } catch (error) {
      throw unavailable("file_storage", error);
    }
  }

  async remove(key: string): Promise<void> {
    checkStorageKey(key);
    await onDisk(() => rm(this.#path(key), { force: true }));
  }

  async removeUnfinished(before_ms: number): Promise<number> {
    const folder = join(this.#root, UNFINISHED);
    const names = await readdir(folder).catch(() => []);
    let removed = 0;
    for (const name of names) {
      const path = join(folder, name);
      const facts = await stat(path).catch(() => undefined);
      if (facts === undefined || facts.mtimeMs >= before_ms) continue;
      await onDisk(() => rm(path, { force: true }));
      removed++;
    }
    return removed;
  }

  async problems(): Promise<string[]> {
    try {
      await mkdir(this.#root, { recursive: true });
      await access(this.#root, constants.R_OK | constants.W_OK | constants.X_OK);
      return [];
    } catch (error) {
      return [`the folder for files cannot be used: ${codeOf(error) ?? error}`];
    }
  }

  async #place(unfinished: string, path: string): Promise<void> {
    const folder = dirname(path);
    const made = await mkdir(folder, { recursive: true });
    await rename(unfinished, path);
    // The names are on the disk too, up to the first folder that was there already.
    const first = made === undefined ? folder : dirname(made);
    for (let one = folder; ; one = dirname(one)) {
      await syncFolder(one);
      if (one === first || one === dirname(one)) return;
    }
  }

  #path(key: string): string {
    return join(this.#root, ...key.split("/"));
  }
}

async function writeAll(handle: FileHandle, content: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of content) {
    await onDisk(() => handle.writeFile(piece));
    bytes += piece.length;
  }
  return bytes;
}

/** Not everywhere can a folder be opened; there the move alone must do. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path).catch(() => undefined);
  if (handle === undefined) return;
  try {
    await handle.sync();
  } catch (error) {
    if (!["EPERM", "EINVAL", "EISDIR"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** A disk that is full, read only or gone may be well again later. */
async function onDisk<T>(call: () => Promise<T>, key?: string): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (key !== undefined && codeOf(error) === "ENOENT") throw fileMissing(key, error);
    throw unavailable("file_storage", error);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
