/** Jobs and their items in Postgres. What became of an item is its request's row in `sluice_results`, so that nothing is counted twice or lost. */
import { type Pool, withPostgres } from "../postgres/client.ts";
import {
  CLOSED_SUFFIX,
  ENDED_STATUSES,
  type ItemResult,
  type Job,
  type JobItem,
  type JobKind,
  type JobStatus,
  type JobStore,
  type NewJob,
  type WaveCounts,
} from "./job.ts";
import { type ItemRow, itemOf, JOB_COLUMNS, type JobRow, jobOf } from "./rows.ts";

const CREATE = `
INSERT INTO sluice_jobs (id, tenant, kind, status, spec, state, key_id, created_at, updated_at, deadline_at, wake_at)
VALUES ($1, $2, $3, 'validating', $4, $5, $6, to_timestamp($7::float8 / 1000), to_timestamp($7::float8 / 1000),
  to_timestamp($8::float8 / 1000), to_timestamp($7::float8 / 1000))
ON CONFLICT (id) DO NOTHING`;

const FIND = `SELECT ${JOB_COLUMNS} FROM sluice_jobs WHERE tenant = $1 AND kind = $2 AND id = $3`;

const LIST = `
SELECT ${JOB_COLUMNS} FROM sluice_jobs WHERE tenant = $1 AND kind = $2
  AND ($3::text IS NULL OR (created_at, id) < (
    SELECT before.created_at, before.id FROM sluice_jobs before WHERE before.tenant = $1 AND before.kind = $2 AND before.id = $3))
ORDER BY created_at DESC, id DESC LIMIT $4`;

const CANCEL = `
UPDATE sluice_jobs SET cancel_at = coalesce(cancel_at, to_timestamp($4::float8 / 1000)),
  updated_at = to_timestamp($4::float8 / 1000), wake_at = to_timestamp($4::float8 / 1000)
WHERE tenant = $1 AND kind = $2 AND id = $3 AND ended_at IS NULL RETURNING ${JOB_COLUMNS}`;

const REOPEN = `
UPDATE sluice_jobs SET state = $3, status = $4, updated_at = to_timestamp($5::float8 / 1000), wake_at = to_timestamp($5::float8 / 1000),
  ended_at = NULL, cancel_at = NULL, error = NULL, lease_owner = NULL, lease_until = NULL, tries = 0
WHERE tenant = $1 AND id = $2 AND ended_at IS NOT NULL AND status = ANY($6)`;

/** The conditions see the table as it was before the insert: what is there already is a repeat, and no other item's name. */
const ADD_ITEMS = `
WITH given AS (
  SELECT * FROM unnest($2::int[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::int[])
    AS one (wave, item, custom_id, request_id, at, bytes, tries)
), added AS (
  INSERT INTO sluice_job_items (job, wave, item, custom_id, request_id, at, bytes, tries)
  SELECT $1, wave, item, custom_id, request_id, at, bytes, tries FROM given ORDER BY wave, item
  ON CONFLICT DO NOTHING RETURNING wave, item
)
SELECT custom_id FROM given WHERE custom_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM added WHERE added.wave = given.wave AND added.item = given.item)
  AND NOT EXISTS (SELECT FROM sluice_job_items there
    WHERE there.job = $1 AND there.wave = given.wave AND there.item = given.item)`;

const ITEM_COLUMNS = "i.wave, i.item, i.custom_id, i.request_id, i.at, i.bytes, i.tries";

const ITEMS = `
SELECT ${ITEM_COLUMNS} FROM sluice_job_items i
WHERE i.job = $1 AND i.wave = $2 AND i.item >= $3 ORDER BY i.item LIMIT $4`;

/** No result is older than its job, whatever the clocks say: days before are not looked at. */
const FIRST_DAY = "(SELECT (created_at AT TIME ZONE 'UTC')::date - 1 FROM sluice_jobs WHERE id = $1)";

const STATUS = `coalesce(r.status, CASE WHEN right(i.request_id, ${CLOSED_SUFFIX.length}) = '${CLOSED_SUFFIX}' THEN 'closed' ELSE 'pending' END)`;

/** Each item asks for its own result, so that a page costs what it holds and not what the job has. */
function resultsStatement(what: "status" | "result"): string {
  const columns = what === "result" ? "status, result" : "status";
  return `
SELECT ${ITEM_COLUMNS}, r.*
FROM sluice_job_items i LEFT JOIN LATERAL (
  SELECT ${columns} FROM sluice_results
  WHERE tenant = $2 AND id = i.request_id AND job = $1 AND day >= ${FIRST_DAY} LIMIT 1) r ON true
WHERE i.job = $1 AND i.wave = $3 AND i.item >= $4 AND ($6::text[] IS NULL OR ${STATUS} = ANY($6))
ORDER BY i.item LIMIT $5`;
}

const RESULTS = { status: resultsStatement("status"), result: resultsStatement("result") };

/** One pass over the wave's results: a request shared by items counts once, and the cost is of all tries. */
const COUNTS = `
WITH asked AS (
  SELECT request_id, count(*) AS items FROM sluice_job_items WHERE job = $1 AND wave = $3 GROUP BY request_id
), there AS MATERIALIZED (
  SELECT id, status, cost_nusd FROM sluice_results
  WHERE job = $1 AND tenant = $2 AND starts_with(id, $4) AND day >= ${FIRST_DAY}
)
SELECT (SELECT coalesce(sum(items), 0)::int FROM asked) AS items,
  (SELECT count(*)::int FROM asked) AS requests,
  (SELECT coalesce(sum(cost_nusd), 0)::float8 FROM there) AS cost_nusd,
  (SELECT coalesce(json_object_agg(status, requests), '{}') FROM
    (SELECT status, count(*)::int AS requests FROM there JOIN asked ON request_id = id GROUP BY status) AS by_status) AS ended`;

const RETRY_ITEMS = `
UPDATE sluice_job_items i SET request_id = given.request_id, tries = given.tries
FROM unnest($2::int[], $3::int[], $4::text[], $5::int[]) AS given (wave, item, request_id, tries)
WHERE i.job = $1 AND i.wave = given.wave AND i.item = given.item`;

export class PostgresJobStore implements JobStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async create({ id, tenant, kind, spec, state, key_id, created_ms, deadline_ms }: NewJob): Promise<boolean> {
    const json = [JSON.stringify(spec), JSON.stringify(state)];
    const values = [id, tenant, kind, ...json, key_id ?? null, created_ms, deadline_ms ?? null];
    const { rowCount } = await withPostgres(() => this.#pool.query(CREATE, values));
    return rowCount === 1;
  }

  async find(tenant: string, kind: JobKind, id: string): Promise<Job | undefined> {
    const [row] = await this.#rows<JobRow>(FIND, [tenant, kind, id]);
    return row === undefined ? undefined : jobOf(row);
  }

  async list(
    tenant: string,
    kind: JobKind,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<Job[]> {
    return (await this.#rows<JobRow>(LIST, [tenant, kind, after ?? null, limit])).map(jobOf);
  }

  async cancel(tenant: string, kind: JobKind, id: string, now_ms: number): Promise<Job | undefined> {
    const [row] = await this.#rows<JobRow>(CANCEL, [tenant, kind, id, now_ms]);
    return row === undefined ? this.find(tenant, kind, id) : jobOf(row);
  }

  async reopen(tenant: string, id: string, state: unknown, status: JobStatus, now_ms: number): Promise<boolean> {
    const values = [tenant, id, JSON.stringify(state), status, now_ms, ENDED_STATUSES];
    const { rowCount } = await withPostgres(() => this.#pool.query(REOPEN, values));
    return rowCount === 1;
  }

  async addItems(job: string, items: readonly JobItem[]): Promise<string[]> {
    if (items.length === 0) return [];
    const of = (pick: (item: JobItem) => unknown): unknown[] => items.map(pick);
    const rows = await this.#rows<{ custom_id: string }>(ADD_ITEMS, [
      job,
      of(({ wave }) => wave),
      of(({ item }) => item),
      of(({ custom_id }) => custom_id ?? null),
      of(({ request_id }) => request_id),
      of(({ at }) => at),
      of(({ bytes }) => bytes),
      of(({ tries }) => tries),
    ]);
    return rows.map(({ custom_id }) => custom_id);
  }

  async items(job: string, wave: number, from_item: number, limit: number): Promise<JobItem[]> {
    return (await this.#rows<ItemRow>(ITEMS, [job, wave, from_item, limit])).map(itemOf);
  }

  async results(
    job: Pick<Job, "id" | "tenant">,
    wave: number,
    from_item: number,
    limit: number,
    what: "status" | "result",
    statuses?: readonly string[],
  ): Promise<ItemResult[]> {
    type Row = ItemRow & { readonly status: string | null; readonly result?: string | null };
    const values = [job.id, job.tenant, wave, from_item, limit, statuses ?? null];
    const rows = await this.#rows<Row>(RESULTS[what], values);
    return rows.map(({ status, result, ...row }) => ({
      ...itemOf(row),
      ...(status === null ? {} : { status }),
      ...(result === null || result === undefined ? {} : { result }),
    }));
  }

  async counts(job: Pick<Job, "id" | "tenant">, wave: number): Promise<WaveCounts> {
    const [row] = await this.#rows<WaveCounts>(COUNTS, [job.id, job.tenant, wave, `${job.id}.${wave}.`]);
    return row as WaveCounts;
  }

  async retryItems(
    job: string,
    items: readonly Pick<JobItem, "wave" | "item" | "request_id" | "tries">[],
  ): Promise<void> {
    if (items.length === 0) return;
    await this.#rows(RETRY_ITEMS, [
      job,
      items.map(({ wave }) => wave),
      items.map(({ item }) => item),
      items.map(({ request_id }) => request_id),
      items.map(({ tries }) => tries),
    ]);
  }

  async #rows<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const { rows } = await withPostgres(() => this.#pool.query(text, [...values]));
    return rows as Row[];
  }
}
