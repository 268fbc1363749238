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
  expires_at timestamptz
);
CREATE INDEX sluice_files_by_time ON sluice_files (tenant, created_at DESC, id DESC);
CREATE INDEX sluice_files_by_expiry ON sluice_files (expires_at) WHERE expires_at IS NOT NULL;`;
