/** Batches and map-reduce: what was asked for, how far it is, and its single requests. Names compare by their bytes, as those of results do. */
export const JOBS_STEP = `
CREATE TABLE sluice_jobs (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  -- As it was asked for; never changed. Not jsonb, which refuses characters that JSON may have.
  spec json NOT NULL,
  -- What its driver knows; of each kind its own.
  state json NOT NULL,
  key_id text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  ended_at timestamptz,
  -- After it, what has no result is not waited for any more.
  deadline_at timestamptz,
  cancel_at timestamptz,
  -- Why it failed, where its driver did not choose to.
  error json,
  -- Who drives it, until when; and when it wants to be driven next: null once it has ended and all have been told.
  lease_owner text,
  lease_until timestamptz,
  wake_at timestamptz,
  -- Steps begun since one was last saved.
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX sluice_jobs_by_time ON sluice_jobs (tenant, kind, created_at DESC, id DESC);
CREATE INDEX sluice_jobs_to_drive ON sluice_jobs (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX sluice_jobs_to_remove ON sluice_jobs (ended_at) WHERE wake_at IS NULL;
CREATE TABLE sluice_job_items (
  job text COLLATE "C" NOT NULL REFERENCES sluice_jobs (id) ON DELETE CASCADE,
  -- 0 for a batch's lines and the shards of a map; from 1 the waves of a reduce.
  wave integer NOT NULL,
  -- From 0 within the wave; of a batch the line's number less one.
  item integer NOT NULL,
  -- Of a batch: the caller's name for the line.
  custom_id text COLLATE "C",
  -- The request that it became. Several items may share one: identical shards are asked once.
  request_id text COLLATE "C" NOT NULL,
  -- Where its content stands in the job's file, in bytes.
  at bigint NOT NULL,
  bytes integer NOT NULL,
  -- How often it was asked: every try is a request of its own.
  tries integer NOT NULL DEFAULT 1,
  PRIMARY KEY (job, wave, item)
);
CREATE UNIQUE INDEX sluice_job_items_custom ON sluice_job_items (job, custom_id) WHERE custom_id IS NOT NULL;
CREATE INDEX sluice_job_items_by_request ON sluice_job_items (job, request_id);`;
