/** Batches on a real Postgres and a folder, with runners that die and are followed by others. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { filesSchema, jobsSchema } from "../../../../libs/shared/config/gateway.ts";
import { DiskFiles } from "../../../../libs/shared/files/disk.ts";
import type { StoredFile } from "../../../../libs/shared/files/file.ts";
import { PostgresFiles } from "../../../../libs/shared/files/postgres-files.ts";
import { type BatchJob, type BatchSpec, newBatch } from "../../../../libs/shared/jobs/batch.ts";
import { PostgresJobLeases } from "../../../../libs/shared/jobs/postgres-leases.ts";
import { PostgresJobStore } from "../../../../libs/shared/jobs/postgres-store.ts";
import type { OutRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { batchDriver } from "../../../../services/results/batches/driver.ts";
import { JobRunner } from "../../../../services/results/jobs/runner.ts";
import { Random } from "../../../../tools/simulate/random.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";
import { until } from "../../../support/until.ts";
import { Faults, linesOf, type OutputLine, resultOf, TENANT } from "./batches-fixture.ts";

const LINES = 1_000;
const SETTINGS = jobsSchema.parse({ poll_ms: 50, lease_ms: 2_000, in_flight_max: 200, chunk: 50 });
const INSERT = `INSERT INTO sluice_results (tenant, id, day, status, cost_nusd, received_at, completed_at, result, job)
  SELECT $1, id, (now() AT TIME ZONE 'UTC')::date, status, 1000, now(), now(), result, $2
  FROM unnest($3::text[], $4::text[], $5::text[]) AS one (id, status, result) ON CONFLICT DO NOTHING`;

describe("batches on Postgres", { skip: NO_DATABASE }, () => {
  const random = new Random(7);
  let database: TestDatabase;
  let folder: string;
  let files: PostgresFiles;
  let store: PostgresJobStore;
  const published = new Map<string, number>();

  before(async () => {
    database = await createDatabase("batches");
    await migrate(database.pool);
    folder = await mkdtemp(join(tmpdir(), "sluice-batches-"));
    const settings = filesSchema.parse({});
    files = new PostgresFiles({ pool: database.pool, storage: new DiskFiles(folder), settings, clock: systemClock });
    store = new PostgresJobStore(database.pool);
  });
  after(async () => {
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every tenth request fails; those that were answered stay as they are. */
  async function answer(records: readonly OutRecord[]): Promise<void> {
    const ids = records.map(({ key }) => String(key));
    for (const id of ids) published.set(id, (published.get(id) ?? 0) + 1);
    const statuses = ids.map((id) => (id.endsWith("5") ? "failed" : "succeeded"));
    const results = ids.map((id, index) => resultOf(id, statuses[index] as string));
    await database.pool.query(INSERT, [TENANT, records[0]?.headers?.["sluice-job"], ids, statuses, results]);
  }

  function process(faults: Faults): JobRunner {
    const shared = { settings: SETTINGS, clock: systemClock };
    const ports = { store: faults.wrap(store), files, publisher: faults.wrap({ publish: answer }) };
    const runner = new JobRunner({
      leases: faults.wrap(new PostgresJobLeases(database.pool)),
      drivers: { batch: batchDriver({ ...shared, ...ports, codec: jsonCodec, names: NAMES }) },
      states: { tell: async () => undefined },
      outbox: { add: async () => undefined },
      random: () => random.next(),
      log: silentLog,
      ...shared,
    });
    runner.start();
    return runner;
  }

  async function* once(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  }

  async function linesIn(file_id: string | undefined): Promise<OutputLine[]> {
    const pieces: Uint8Array[] = [];
    const file = (await files.find(TENANT, file_id ?? "")) as StoredFile;
    for await (const piece of files.read(file)) pieces.push(piece);
    const lines = Buffer.concat(pieces).toString().split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as OutputLine);
  }

  test("end each line once, however often their runner dies", async () => {
    const content = once(linesOf(LINES));
    const added = await files.add({ tenant: TENANT, purpose: "batch", filename: "in.jsonl", content });
    assert.equal(added.kind, "added");
    const input_file_id = added.kind === "added" ? added.file.id : "";
    const spec: BatchSpec = { input_file_id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const named = { id: "batch_parts", tenant: TENANT, key_id: "k", created_ms: Date.now(), window_ms: 86_400_000 };
    await store.create(newBatch(named, spec));

    let faults: Faults | undefined;
    let runner: JobRunner | undefined;
    let deaths = 0;
    const ended = await until("the batch ends", async () => {
      if (faults === undefined || faults.dead) {
        if (faults?.dead) deaths += 1;
        // After some deaths nobody dies any more, so that the test ends in time.
        faults = new Faults(random, deaths < 6 ? 0.03 : 0, true);
        runner = process(faults);
      }
      const job = (await store.find(TENANT, "batch", "batch_parts")) as BatchJob;
      return job.ended_ms === undefined ? undefined : job;
    });
    await runner?.drain(5_000);
    assert.equal(ended.status, "completed");
    assert.ok(deaths > 0);
    assert.equal(published.size, LINES);
    const output = await linesIn(ended.state.output_file_id);
    const errors = await linesIn(ended.state.error_file_id);
    const wanted = Array.from({ length: LINES }, (_, index) => index);
    const of = (lines: readonly OutputLine[]): number[] => lines.map(({ custom_id }) => Number(custom_id.slice(1)));
    assert.deepEqual(
      of(output),
      wanted.filter((index) => index % 10 !== 5),
    );
    assert.deepEqual(
      of(errors),
      wanted.filter((index) => index % 10 === 5),
    );
    assert.deepEqual([ended.state.completed, ended.state.failed], [output.length, errors.length]);
  });
});
