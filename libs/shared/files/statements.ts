/** The statements on files' rows. Times go in as `Date`. Pure. */
import type { FilePurpose, StoredFile } from "./file.ts";

const COLUMNS = "id, tenant, purpose, filename, bytes, storage_key, created_at, expires_at";

/** One after the other within a tenant, so that no two look at the same room. The number is ours alone. */
export const LOCK_TENANT = "SELECT pg_advisory_xact_lock(5318010, hashtext($1))";

export const USED =
  "SELECT coalesce(sum(bytes), 0)::float8 AS bytes FROM sluice_files WHERE tenant = $1 AND expires_at > $2";

export const NOTE = "INSERT INTO sluice_file_removals (storage_key, due_at) VALUES ($1, $2)";
export const HOLD_NOTE = "SELECT FROM sluice_file_removals WHERE storage_key = $1 FOR UPDATE";
export const FORGET_NOTES = "DELETE FROM sluice_file_removals WHERE storage_key = ANY($1)";

/** The file that a job wrote before under the same id. */
export const EARLIER = "SELECT storage_key FROM sluice_files WHERE tenant = $1 AND id = $2";
export const INSERT = `
INSERT INTO sluice_files (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET purpose = excluded.purpose, filename = excluded.filename, bytes = excluded.bytes,
  storage_key = excluded.storage_key, created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE sluice_files.tenant = excluded.tenant
RETURNING id`;

export const FIND = `SELECT ${COLUMNS} FROM sluice_files WHERE tenant = $1 AND id = $2 AND expires_at > $3`;

export const LIST = { asc: listStatement("asc"), desc: listStatement("desc") };

function listStatement(order: "asc" | "desc"): string {
  const beyond = order === "asc" ? ">" : "<";
  return `
SELECT ${COLUMNS} FROM sluice_files WHERE tenant = $1 AND expires_at > $2 AND ($3::text IS NULL OR purpose = $3)
  AND ($4::timestamptz IS NULL OR (created_at, id) ${beyond} ($4, $5))
ORDER BY created_at ${order}, id ${order} LIMIT $6`;
}

/** Rows that go leave their bytes to be removed, in the same statement. */
const leaving = (which: string, now: string): string => `
WITH gone AS (DELETE FROM sluice_files WHERE ${which} RETURNING storage_key)
INSERT INTO sluice_file_removals (storage_key, due_at) SELECT storage_key, ${now} FROM gone RETURNING storage_key`;

export const REMOVE = leaving("tenant = $1 AND id = $2 AND expires_at > $3", "$3::timestamptz");
export const EXPIRE = leaving(
  "id IN (SELECT id FROM sluice_files WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
  "$1::timestamptz",
);

/** What is due, for whoever sweeps now: another comes to it only at $2, should this one die. */
export const LEASE_REMOVALS = `
UPDATE sluice_file_removals SET due_at = $2 WHERE storage_key IN (
  SELECT storage_key FROM sluice_file_removals WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING storage_key`;

export type FileRow = {
  readonly id: string;
  readonly tenant: string;
  readonly purpose: FilePurpose;
  readonly filename: string;
  /** As the driver gives a bigint. */
  readonly bytes: string;
  readonly storage_key: string;
  readonly created_at: Date;
  readonly expires_at: Date;
};

export function fileOf({ bytes, created_at, expires_at, ...row }: FileRow): StoredFile {
  return { ...row, bytes: Number(bytes), created_ms: created_at.getTime(), expires_ms: expires_at.getTime() };
}
