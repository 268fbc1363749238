/**
 * Files of tenants: rows in Postgres, bytes in the storage.
 *
 * Bytes go first, under a fresh key, then the row. No bytes are ever left without somebody to remove them: before they are written their
 * key is noted as one to remove later, and the note goes with the statement that makes the row. A row that goes leaves such a note.
 */
import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import type { Clock } from "../clock.ts";
import type { FilesSettings } from "../config/gateway.ts";
import { SluiceError, unavailable } from "../errors.ts";
import { type Pool, withPostgres } from "../postgres/client.ts";
import { inTransaction } from "../postgres/transaction.ts";
import type { Added, FilePage, NewFile, StoredFile, Taken, TenantFiles, TooLarge } from "./file.ts";
import * as sql from "./statements.ts";
import type { ByteRange, FileStorage } from "./storage.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Whoever writes longer gives up, long before a sweep takes its bytes for a dead writer's. */
const WRITING_MS_MAX = 12 * HOUR_MS;
const UNFINISHED_MS = DAY_MS;
/** Within it a sweep is done with what it took, or dead. */
const SWEEP_LEASE_MS = 10 * 60_000;

export type PostgresFilesDeps = {
  readonly pool: Pool;
  readonly storage: FileStorage;
  readonly settings: Pick<FilesSettings, "bytes_max" | "tenant_bytes_max" | "keep_days">;
  readonly clock: Clock;
};

export type Swept = {
  /** Files whose time was over. */
  readonly expired: number;
  /** Keys whose bytes are gone now. */
  readonly removed: number;
  /** Keys that the storage did not remove; they come again. */
  readonly failed: number;
};

type Facts = Pick<NewFile, "id" | "purpose" | "filename" | "expires_ms">;
type Limit = Pick<TooLarge, "limit" | "bytes_max"> & { readonly room: number };

export class PostgresFiles implements TenantFiles {
  readonly #deps: PostgresFilesDeps;

  constructor(deps: PostgresFilesDeps) {
    this.#deps = deps;
  }

  async add({ tenant, content, ...facts }: NewFile): Promise<Added> {
    const limited = facts.id === undefined;
    const taken = await this.#take(tenant, content, limited);
    return taken.kind === "taken" ? this.#keep(taken, facts, limited) : taken;
  }

  take(tenant: string, content: AsyncIterable<Uint8Array>): Promise<Taken | TooLarge> {
    return this.#take(tenant, content, true);
  }

  keep(taken: Taken, facts: Omit<Facts, "id">): Promise<Added> {
    return this.#keep(taken, facts, true);
  }

  drop({ storage_key }: Taken): Promise<void> {
    return this.#discard(storage_key);
  }

  async find(tenant: string, id: string): Promise<StoredFile | undefined> {
    const [row] = await this.#rows<sql.FileRow>(sql.FIND, [tenant, id, this.#now()]);
    return row === undefined ? undefined : sql.fileOf(row);
  }

  read(file: StoredFile, range?: ByteRange): AsyncIterable<Uint8Array> {
    return this.#deps.storage.read(file.storage_key, range);
  }

  async list(tenant: string, { purpose, limit, order, after }: FilePage) {
    const from = after === undefined ? [null, null] : [new Date(after.created_ms), after.id];
    const values = [tenant, this.#now(), purpose ?? null, ...from, limit + 1];
    const rows = await this.#rows<sql.FileRow>(sql.LIST[order], values);
    return { files: rows.slice(0, limit).map(sql.fileOf), has_more: rows.length > limit };
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    const [gone] = await this.#rows<{ storage_key: string }>(sql.REMOVE, [tenant, id, this.#now()]);
    if (gone !== undefined) await this.#discard(gone.storage_key);
    return gone !== undefined;
  }

  /**
   * Removes what is due: files whose time is over, and bytes that are nobody's. Any number of processes may sweep at once.
   * @param limit of files, and of keys, in this call; where that many were found, there may be more.
   */
  async sweep(limit = 100): Promise<Swept> {
    const now_ms = this.#deps.clock.now_ms();
    const expired = await this.#rows(sql.EXPIRE, [this.#now(), limit]);
    const lease = new Date(now_ms + SWEEP_LEASE_MS);
    const due = await this.#rows<{ storage_key: string }>(sql.LEASE_REMOVALS, [this.#now(), lease, limit]);
    const removed: string[] = [];
    for (const { storage_key } of due) {
      const done = await this.#deps.storage.remove(storage_key).then(
        () => true,
        () => false,
      );
      if (done) removed.push(storage_key);
    }
    await this.#rows(sql.FORGET_NOTES, [removed]);
    await this.#deps.storage.removeUnfinished?.(now_ms - UNFINISHED_MS);
    return { expired: expired.length, removed: removed.length, failed: due.length - removed.length };
  }

  async #take(tenant: string, content: AsyncIterable<Uint8Array>, limited: boolean): Promise<Taken | TooLarge> {
    const begun_ms = this.#deps.clock.now_ms();
    const until_ms = begun_ms + WRITING_MS_MAX;
    const limit = limited ? await this.#limit(tenant) : undefined;
    const id = randomUUID();
    // Folders of many thousands of files are slow in places.
    const storage_key = `${id.slice(0, 2)}/${id}`;
    await this.#rows(sql.NOTE, [storage_key, new Date(begun_ms + UNFINISHED_MS)]);
    const outgrown = Symbol("too large");
    const { clock, storage } = this.#deps;
    const bounded = async function* (): AsyncGenerator<Uint8Array> {
      let bytes = 0;
      for await (const piece of content) {
        bytes += piece.length;
        if (limit !== undefined && bytes > limit.room) throw outgrown;
        if (clock.now_ms() > until_ms) throw tooSlow();
        yield piece;
      }
    };
    try {
      const bytes = await storage.write(storage_key, bounded());
      return { kind: "taken", tenant, storage_key, bytes, until_ms };
    } catch (error) {
      await this.#discard(storage_key);
      if (error === outgrown && limit !== undefined) return tooLarge(limit);
      throw error;
    }
  }

  /** What a file may have now, and which limit says so. */
  async #limit(tenant: string): Promise<Limit> {
    const { bytes_max, tenant_bytes_max } = this.#deps.settings;
    const [used] = await this.#rows<{ bytes: number }>(sql.USED, [tenant, this.#now()]);
    const left = tenant_bytes_max - (used?.bytes ?? 0);
    return left < bytes_max
      ? { limit: "files.tenant_bytes_max", bytes_max: tenant_bytes_max, room: left }
      : { limit: "files.bytes_max", bytes_max, room: bytes_max };
  }

  async #keep(taken: Taken, facts: Facts, limited: boolean): Promise<Added> {
    const { clock, pool, settings } = this.#deps;
    const created_ms = clock.now_ms();
    const file: StoredFile = {
      ...{ id: facts.id ?? `file-${randomUUID().replaceAll("-", "")}`, tenant: taken.tenant, purpose: facts.purpose },
      ...{ filename: facts.filename, bytes: taken.bytes, storage_key: taken.storage_key, created_ms },
      expires_ms: facts.expires_ms ?? created_ms + settings.keep_days * DAY_MS,
    };
    const bytes_max = limited ? settings.tenant_bytes_max : undefined;
    const kept =
      created_ms > taken.until_ms ? "late" : await inTransaction(pool, (client) => insert(client, file, bytes_max));
    if (typeof kept === "object") {
      if (kept.earlier !== undefined) await this.#discard(kept.earlier);
      return { kind: "added", file };
    }
    await this.#discard(taken.storage_key);
    if (kept === "full") return { kind: "too_large", limit: "files.tenant_bytes_max", bytes_max: bytes_max ?? 0 };
    if (kept === "late") throw tooSlow();
    throw new SluiceError("internal_error", `the file ${file.id} is another tenant's`);
  }

  /** As far as it can be done now; what cannot is noted, and a sweep comes to it. */
  async #discard(storage_key: string): Promise<void> {
    try {
      await this.#deps.storage.remove(storage_key);
      await this.#rows(sql.FORGET_NOTES, [[storage_key]]);
    } catch {
      // The note is there still.
    }
  }

  async #rows<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const { rows } = await withPostgres(() => this.#deps.pool.query<Row>(text, [...values]));
    return rows;
  }

  #now(): Date {
    return new Date(this.#deps.clock.now_ms());
  }
}

type Inserted = { readonly earlier: string | undefined } | "full" | "late" | "foreign";

/** All that may go wrong is found before anything is written. @param tenant_bytes_max undefined: without a limit. */
async function insert(client: PoolClient, file: StoredFile, tenant_bytes_max: number | undefined): Promise<Inserted> {
  const { id, tenant, purpose, filename, bytes, storage_key, created_ms, expires_ms = created_ms } = file;
  const created = new Date(created_ms);
  await client.query(sql.LOCK_TENANT, [tenant]);
  if (tenant_bytes_max !== undefined) {
    const used = await client.query<{ bytes: number }>(sql.USED, [tenant, created]);
    if ((used.rows[0]?.bytes ?? 0) + bytes > tenant_bytes_max) return "full";
  }
  if ((await client.query(sql.HOLD_NOTE, [storage_key])).rowCount === 0) return "late";
  const [earlier] = (await client.query<{ storage_key: string }>(sql.EARLIER, [tenant, id])).rows;
  const row = [id, tenant, purpose, filename, bytes, storage_key, created, new Date(expires_ms)];
  if ((await client.query(sql.INSERT, row)).rowCount === 0) return "foreign";
  await client.query(sql.FORGET_NOTES, [[storage_key]]);
  if (earlier !== undefined) await client.query(sql.NOTE, [earlier.storage_key, created]);
  return { earlier: earlier?.storage_key };
}

function tooLarge({ limit, bytes_max }: Limit): TooLarge {
  return { kind: "too_large", limit, bytes_max };
}

/** Written again it may go faster. */
function tooSlow(): SluiceError {
  return unavailable("file_storage", new Error("the file took too long to write"));
}
