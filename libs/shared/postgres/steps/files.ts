/** Files that tenants upload, or that jobs write. The bytes are in the file storage under `storage_key`. */
export const FILES_STEP = `
CREATE TABLE sluice_files (
  id text PRIMARY KEY,
  tenant text NOT NULL,
  purpose text NOT NULL,
  filename text NOT NULL,
  bytes bigint NOT NULL,
  storage_key text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX sluice_files_by_time ON sluice_files (tenant, created_at DESC, id DESC);
CREATE INDEX sluice_files_by_size ON sluice_files (tenant, expires_at) INCLUDE (bytes);
CREATE INDEX sluice_files_by_expiry ON sluice_files (expires_at);
-- Bytes to remove: of files that are gone, and of such as are being written, should their writer die.
CREATE TABLE sluice_file_removals (
  storage_key text PRIMARY KEY,
  due_at timestamptz NOT NULL
);
CREATE INDEX sluice_file_removals_due ON sluice_file_removals (due_at);`;
