/** Replays in Postgres. What a run writes names the lease that it stands on, so that one that was taken for dead changes nothing. */
import { type Pool, withPostgres } from "../postgres/client.ts";
import type { NewReplay, Replay, ReplaySave, ReplayStore } from "./replay.ts";
import { REPLAY_COLUMNS, type ReplayRow, replayOfRow } from "./rows.ts";

const at = (parameter: number): string => `to_timestamp($${parameter}::float8 / 1000)`;

const CREATE = `
INSERT INTO sluice_replays (id, status, mode, spec, runner, by_whom, budget_nusd, created_at, updated_at)
VALUES ($1, 'previewing', $2, $3, $4, $5, $6, ${at(7)}, ${at(7)})
ON CONFLICT (id) DO NOTHING`;

const FIND = `SELECT ${REPLAY_COLUMNS} FROM sluice_replays WHERE id = $1`;

const LIST = `
SELECT ${REPLAY_COLUMNS} FROM sluice_replays
WHERE $1::text IS NULL OR (created_at, id) < (SELECT before.created_at, before.id FROM sluice_replays before WHERE before.id = $1)
ORDER BY created_at DESC, id DESC LIMIT $2`;

const FREE = (now: number): string => `(lease_owner IS NULL OR lease_until <= ${at(now)})`;
const UNDER_WAY = "('previewing', 'asked', 'running')";

/** Without ranges the preview is still to be made. What its runner left when it died may be asked for as well. */
const ASK = `
UPDATE sluice_replays SET status = CASE WHEN ranges IS NULL THEN 'previewing' ELSE 'asked' END,
  runner = $2, budget_nusd = coalesce($3, budget_nusd), wanted = NULL, error = NULL, ended_at = NULL, updated_at = ${at(4)}
WHERE id = $1 AND (status IN ('previewed', 'paused', 'failed') OR (status IN ${UNDER_WAY} AND ${FREE(4)}))`;

/** Whoever runs it sees `wanted` when it renews its lease. */
const WANT = `
UPDATE sluice_replays SET updated_at = ${at(3)},
  wanted = CASE WHEN NOT ${FREE(3)} AND status IN ${UNDER_WAY} THEN $2 END,
  status = CASE
    WHEN NOT ${FREE(3)} AND status IN ${UNDER_WAY} THEN status
    WHEN $2 = 'cancel' THEN 'cancelled'
    WHEN status IN ${UNDER_WAY} THEN 'paused'
    ELSE status END,
  ended_at = CASE WHEN $2 = 'cancel' AND (${FREE(3)} OR status NOT IN ${UNDER_WAY}) THEN ${at(3)} ELSE ended_at END
WHERE id = $1 AND status NOT IN ('completed', 'cancelled') RETURNING ${REPLAY_COLUMNS}`;

/** A replay of the command line is never taken unasked: what it runs may not be deployed here. */
const LEASE = `
WITH due AS MATERIALIZED (
  SELECT id AS due_id FROM sluice_replays
  WHERE status IN ${UNDER_WAY} AND (${FREE(2)} OR lease_owner = $1) AND (id = $4 OR ($4::text IS NULL AND runner = 'service'))
  ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE sluice_replays SET lease_owner = $1, lease_until = ${at(3)} FROM due WHERE id = due_id
RETURNING ${REPLAY_COLUMNS}`;

const RENEW = `UPDATE sluice_replays SET lease_until = ${at(3)} WHERE id = $1 AND lease_owner = $2 RETURNING wanted`;

/** What somebody wanted is over with the run that it was said to. */
const SAVE = `
UPDATE sluice_replays SET updated_at = ${at(3)}, status = coalesce($4, status),
  ranges = coalesce($5, ranges), preview = coalesce($6, preview), totals = coalesce($7, totals),
  comparison = coalesce($8, comparison), error = coalesce($9, error), ended_at = coalesce(${at(10)}, ended_at),
  wanted = CASE WHEN coalesce($4, status) IN ${UNDER_WAY} THEN wanted END
WHERE id = $1 AND lease_owner = $2`;

const RELEASE = "UPDATE sluice_replays SET lease_owner = NULL, lease_until = NULL WHERE id = $1 AND lease_owner = $2";

const OLD = `
SELECT id FROM sluice_replays WHERE updated_at < ${at(1)} AND status NOT IN ${UNDER_WAY} ORDER BY updated_at LIMIT $2`;

const REMOVE = `
WITH calls AS (DELETE FROM sluice_replay_calls WHERE replay = $1)
DELETE FROM sluice_replays WHERE id = $1 AND status NOT IN ${UNDER_WAY}`;

export class PostgresReplayStore implements ReplayStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async create({ id, spec, runner, by, budget_nusd, created_ms }: NewReplay): Promise<void> {
    await this.#run(CREATE, [id, spec.mode, jsonOf(spec), runner, by, budget_nusd ?? null, created_ms]);
  }

  async find(id: string): Promise<Replay | undefined> {
    return (await this.#replays(FIND, [id]))[0];
  }

  async list({ after, limit }: { readonly after?: string; readonly limit: number }): Promise<Replay[]> {
    return this.#replays(LIST, [after ?? null, limit]);
  }

  async ask(id: string, runner: Replay["runner"], budget_nusd: number | undefined, now_ms: number): Promise<boolean> {
    return (await this.#run(ASK, [id, runner, budget_nusd ?? null, now_ms])) === 1;
  }

  async want(id: string, wanted: "pause" | "cancel", now_ms: number): Promise<Replay | undefined> {
    const [replay] = await this.#replays(WANT, [id, wanted, now_ms]);
    return replay ?? this.find(id);
  }

  async lease(owner: string, now_ms: number, until_ms: number, id?: string): Promise<Replay | undefined> {
    return (await this.#replays(LEASE, [owner, now_ms, until_ms, id ?? null]))[0];
  }

  async renew(id: string, owner: string, until_ms: number): Promise<"held" | "lost" | "pause" | "cancel"> {
    const values = [id, owner, until_ms];
    const { rows } = await withPostgres(() => this.#pool.query<{ wanted: string | null }>(RENEW, values));
    const [row] = rows;
    if (row === undefined) return "lost";
    return row.wanted === "pause" || row.wanted === "cancel" ? row.wanted : "held";
  }

  async save(id: string, owner: string, save: ReplaySave, now_ms: number): Promise<boolean> {
    const { status, ranges, preview, totals, comparison, error, ended_ms } = save;
    const json = [ranges, preview, totals, comparison, error].map((one) => (one === undefined ? null : jsonOf(one)));
    return (await this.#run(SAVE, [id, owner, now_ms, status ?? null, ...json, ended_ms ?? null])) === 1;
  }

  async release(id: string, owner: string): Promise<void> {
    await this.#run(RELEASE, [id, owner]);
  }

  /** Ids of those that nobody has touched since, and nobody runs. */
  async old(before_ms: number, limit: number): Promise<string[]> {
    const { rows } = await withPostgres(() => this.#pool.query<{ id: string }>(OLD, [before_ms, limit]));
    return rows.map(({ id }) => id);
  }

  /** Forgets one that nobody runs, with what is known of its calls. */
  async remove(id: string): Promise<void> {
    await this.#run(REMOVE, [id]);
  }

  async #replays(text: string, values: readonly unknown[]): Promise<Replay[]> {
    const { rows } = await withPostgres(() => this.#pool.query<ReplayRow>(text, [...values]));
    return rows.map(replayOfRow);
  }

  async #run(text: string, values: readonly unknown[]): Promise<number> {
    const { rowCount } = await withPostgres(() => this.#pool.query(text, [...values]));
    return rowCount ?? 0;
  }
}

/** Postgres' jsonb holds no NUL and no half of a surrogate pair, which texts of others may have. */
function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "string" ? one.toWellFormed().replaceAll("\0", "\ufffd") : one,
  );
}
