/** Files in memory, for tests of whoever reads and writes them. */
import type { Added, FilePurpose, Files, NewFile, StoredFile } from "../../libs/shared/files/file.ts";

export type MemoryFilesOptions = {
  readonly now_ms?: () => number;
  readonly bytes_max?: number;
};

export class MemoryFiles implements Files {
  readonly #kept = new Map<string, { readonly file: StoredFile; readonly content: Uint8Array }>();
  readonly #now_ms: () => number;
  readonly #bytes_max: number;
  #count = 0;

  constructor({ now_ms = () => 0, bytes_max = Number.POSITIVE_INFINITY }: MemoryFilesOptions = {}) {
    this.#now_ms = now_ms;
    this.#bytes_max = bytes_max;
  }

  async add({ id, tenant, purpose, filename, content, expires_ms }: NewFile): Promise<Added> {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    const whole = Buffer.concat(pieces);
    if (id === undefined && whole.length > this.#bytes_max) {
      return { kind: "too_large", limit: "files.bytes_max", bytes_max: this.#bytes_max };
    }
    this.#count++;
    const file: StoredFile = {
      ...{ id: id ?? `file-${this.#count}`, tenant, purpose, filename, bytes: whole.length },
      ...{ storage_key: `memory/${this.#count}`, created_ms: this.#now_ms() },
      ...(expires_ms === undefined ? {} : { expires_ms }),
    };
    this.#kept.set(file.id, { file, content: whole });
    return { kind: "added", file };
  }

  async find(tenant: string, id: string): Promise<StoredFile | undefined> {
    const file = this.#kept.get(id)?.file;
    if (file === undefined || file.tenant !== tenant) return undefined;
    return file.expires_ms !== undefined && file.expires_ms <= this.#now_ms() ? undefined : file;
  }

  /** In small pieces, so that whoever reads cannot count on whole lines or characters. */
  async *read(file: StoredFile, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array> {
    const content = this.#kept.get(file.id)?.content;
    if (content === undefined) throw new Error(`there is no file ${file.id}`);
    const wanted = content.subarray(range?.start ?? 0, range?.end ?? content.length);
    for (let at = 0; at < wanted.length; at += 7) yield wanted.subarray(at, at + 7);
  }

  /** Puts a file there as an upload would. */
  async put(tenant: string, text: string, purpose: FilePurpose = "batch"): Promise<StoredFile> {
    const content = (async function* () {
      yield Buffer.from(text);
    })();
    const added = await this.add({ tenant, purpose, filename: "test.jsonl", content });
    if (added.kind !== "added") throw new Error(`larger than ${added.limit}`);
    return added.file;
  }

  /** What a file holds; undefined where there is none. */
  text(id: string): string | undefined {
    const content = this.#kept.get(id)?.content;
    return content === undefined ? undefined : Buffer.from(content).toString();
  }

  remove(id: string): boolean {
    return this.#kept.delete(id);
  }

  get files(): readonly StoredFile[] {
    return [...this.#kept.values()].map(({ file }) => file);
  }
}
