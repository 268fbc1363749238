/** Replays, what they have called, and what became of dead letters. */
export const REPLAYS_STEP = `
CREATE TABLE sluice_replays (
  id text PRIMARY KEY,
  status text NOT NULL,
  mode text NOT NULL,
  -- What was asked for; never changes.
  spec jsonb NOT NULL,
  -- Who runs it: 'cli', or 'service' for whoever is free.
  runner text NOT NULL,
  -- Who asked for it.
  by_whom text NOT NULL,
  -- The stretches of partitions that it covers, fixed by the preview.
  ranges jsonb,
  preview jsonb,
  totals jsonb,
  comparison jsonb,
  error jsonb,
  -- Of a replay that calls; may be raised.
  budget_nusd bigint,
  -- 'pause' or 'cancel', where somebody asked for it.
  wanted text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  ended_at timestamptz,
  lease_owner text,
  lease_until timestamptz
);
CREATE INDEX sluice_replays_by_time ON sluice_replays (created_at DESC, id DESC);
-- Calls of a replay (I3, I4): held before the first call of a record, settled after its answer is safe.
CREATE TABLE sluice_replay_calls (
  replay text NOT NULL,
  topic text NOT NULL,
  part integer NOT NULL,
  off bigint NOT NULL,
  reserved_nusd bigint NOT NULL,
  -- What is known to be spent; NULL while its calls are under way.
  cost_nusd bigint,
  PRIMARY KEY (replay, topic, part, off)
);
-- Dead letters that somebody dealt with, by their place; those without a row wait.
CREATE TABLE sluice_dead_letters (
  topic text NOT NULL,
  part integer NOT NULL,
  off bigint NOT NULL,
  -- 'redriven' or 'dropped'.
  action text NOT NULL,
  error_code text NOT NULL,
  at timestamptz NOT NULL,
  by_whom text NOT NULL,
  why text,
  -- Of redrives: the run, and where the record went.
  replay text,
  target text,
  PRIMARY KEY (topic, part, off)
);`;
