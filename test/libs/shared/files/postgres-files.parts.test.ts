/** Files of tenants on a real Postgres and a folder. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { DiskFiles } from "../../../../libs/shared/files/disk.ts";
import type { NewFile, StoredFile, Taken } from "../../../../libs/shared/files/file.ts";
import { PostgresFiles } from "../../../../libs/shared/files/postgres-files.ts";
import type { FileStorage } from "../../../../libs/shared/files/storage.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = 1_800_000_000_000;
const SETTINGS = { bytes_max: 1_000, tenant_bytes_max: 2_500, keep_days: 30 };

async function* content(bytes: number, fails = false): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= 100) yield Buffer.alloc(Math.min(left, 100), "x");
  if (fails) throw new Error("the sender is gone");
}

const fileOf = (tenant: string, bytes: number, more: Partial<NewFile> = {}): NewFile => ({
  ...{ tenant, purpose: "batch", filename: "a.jsonl", content: content(bytes), ...more },
});

describe("files in Postgres", { skip: NO_DATABASE }, () => {
  let folder: string;
  let database: TestDatabase;
  let storage: FileStorage;
  let now_ms: number;
  const clock = { now_ms: () => now_ms, after: () => ({ cancel() {} }) };
  const filesOn = (own: FileStorage = storage) =>
    new PostgresFiles({ pool: database.pool, storage: own, settings: SETTINGS, clock });
  const added = async (file: NewFile): Promise<StoredFile> => {
    const outcome = await filesOn().add(file);
    assert.equal(outcome.kind, "added");
    return (outcome as { file: StoredFile }).file;
  };
  const stored = (): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  const notes = async (): Promise<number> =>
    (await database.pool.query("SELECT FROM sluice_file_removals")).rowCount ?? 0;
  const nothingIsLeft = async () => assert.deepEqual([stored(), await notes()], [[], 0]);

  before(async () => {
    database = await createDatabase("files");
    await migrate(database.pool);
  });
  beforeEach(async () => {
    now_ms = START_MS;
    folder = mkdtempSync(join(tmpdir(), "sluice-files-"));
    storage = new DiskFiles(folder);
    await database.pool.query("TRUNCATE sluice_files, sluice_file_removals");
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  after(() => database.drop());

  test("keeps a file, for its tenant alone, until it is removed", async () => {
    const file = await added(fileOf("a", 250));
    assert.match(file.id, /^file-[0-9a-f]{32}$/);
    assert.deepEqual(await filesOn().find("a", file.id), file);
    assert.deepEqual(
      [file.bytes, file.created_ms, file.expires_ms, file.purpose, file.filename],
      [250, START_MS, START_MS + 30 * DAY_MS, "batch", "a.jsonl"],
    );
    let read = "";
    for await (const piece of filesOn().read(file, { start: 0, end: 3 })) read += Buffer.from(piece).toString();
    assert.equal(read, "xxx");
    assert.equal(await filesOn().find("b", file.id), undefined);
    assert.equal(await filesOn().remove("b", file.id), false);
    assert.equal(await filesOn().remove("a", file.id), true);
    assert.equal(await filesOn().remove("a", file.id), false);
    await nothingIsLeft();
  });

  test("of a file that is too large or breaks off nothing is kept", async () => {
    const limit = { kind: "too_large", limit: "files.bytes_max", bytes_max: 1_000 };
    assert.deepEqual(await filesOn().add(fileOf("a", 1_001)), limit);
    await assert.rejects(filesOn().add(fileOf("a", 0, { content: content(200, true) })), {
      message: "the sender is gone",
    });
    await nothingIsLeft();
    await added(fileOf("a", 1_000));
  });

  test("uploads at once do not exceed what a tenant may have", async () => {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => filesOn().add(fileOf("a", 600))));
    const full = outcomes.filter(({ kind }) => kind === "too_large");
    assert.equal(full.length, 8);
    for (const one of full)
      assert.deepEqual(one, { kind: "too_large", limit: "files.tenant_bytes_max", bytes_max: 2_500 });
    assert.deepEqual([stored().length, await notes()], [4, 0]);
    // What is left decides early, and other tenants have their own.
    assert.equal((await filesOn().add(fileOf("a", 101))).kind, "too_large");
    await added(fileOf("b", 1_000));
    now_ms += 31 * DAY_MS;
    await added(fileOf("a", 600));
  });

  test("a job's file is replaced by the next under its id, whatever its size, and by no other tenant", async () => {
    const first = await added(fileOf("a", 5_000, { id: "file-job-1" }));
    const second = await added(fileOf("a", 10, { id: "file-job-1" }));
    assert.notEqual(first.storage_key, second.storage_key);
    assert.deepEqual(await filesOn().find("a", "file-job-1"), second);
    assert.equal(stored().length, 1);
    await assert.rejects(filesOn().add(fileOf("b", 10, { id: "file-job-1" })));
    assert.deepEqual([stored().length, await notes()], [1, 0]);
    const both = [1, 2].map(() => filesOn().add(fileOf("a", 20, { id: "file-job-2" })));
    await Promise.all(both);
    assert.deepEqual([stored().length, await notes()], [2, 0]);
  });

  test("lists by time, in pages, either way, and by purpose", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      // Two of the same time: their ids order them.
      now_ms += index === 2 ? 0 : 1;
      ids.push((await added(fileOf("a", 1, { id: `file-${index}`, purpose: index === 4 ? "user_data" : "batch" }))).id);
    }
    for (const order of ["asc", "desc"] as const) {
      const wanted = order === "asc" ? ids : ids.toReversed();
      const first = await filesOn().list("a", { limit: 3, order });
      const last = first.files.at(-1) as StoredFile;
      const second = await filesOn().list("a", { limit: 3, order, after: last });
      assert.deepEqual(
        [...first.files, ...second.files].map(({ id }) => id),
        wanted,
      );
      assert.deepEqual([first.has_more, second.has_more], [true, false]);
    }
    const batches = await filesOn().list("a", { limit: 4, order: "asc", purpose: "batch" });
    assert.deepEqual([batches.files.length, batches.has_more], [4, false]);
    assert.deepEqual(await filesOn().list("b", { limit: 3, order: "asc" }), { files: [], has_more: false });
  });

  test("a file whose time is over is gone at once, and swept once by however many sweep", async () => {
    for (let index = 0; index < 10; index++) await added(fileOf("a", 10, { expires_ms: START_MS + HOUR_MS }));
    const kept = await added(fileOf("a", 10));
    now_ms += HOUR_MS;
    assert.deepEqual((await filesOn().list("a", { limit: 20, order: "asc" })).files, [kept]);
    const swept = await Promise.all(Array.from({ length: 4 }, () => filesOn().sweep(4)));
    const rest = await filesOn().sweep();
    const sum = (of: "expired" | "removed") => [...swept, rest].reduce((total, one) => total + one[of], 0);
    assert.deepEqual([sum("expired"), sum("removed")], [10, 10]);
    assert.deepEqual([stored().length, await notes()], [1, 0]);
  });

  test("bytes of a writer that died are swept, and one that lives on gives up before", async () => {
    const taken = (await filesOn().take("a", content(10))) as Taken;
    assert.equal(stored().length, 1);
    now_ms += 13 * HOUR_MS;
    assert.equal((await filesOn().sweep()).removed, 0);
    await assert.rejects(filesOn().keep(taken, { purpose: "batch", filename: "a" }), isRetryable);
    await nothingIsLeft();
    await filesOn().take("a", content(10));
    now_ms += 25 * HOUR_MS;
    assert.deepEqual(await filesOn().sweep(), { expired: 0, removed: 1, failed: 0 });
    await nothingIsLeft();
  });

  test("what the storage does not remove now is removed later", async () => {
    const file = await added(fileOf("a", 10));
    const away = Object.assign(Object.create(storage) as FileStorage, {
      remove: async () => assert.fail("away"),
      removeUnfinished: async () => 0,
    });
    assert.equal(await filesOn(away).remove("a", file.id), true);
    assert.deepEqual(await filesOn(away).sweep(), { expired: 0, removed: 0, failed: 1 });
    assert.equal((await filesOn().sweep()).removed, 0);
    now_ms += HOUR_MS;
    assert.equal((await filesOn().sweep()).removed, 1);
    await nothingIsLeft();
  });
});
