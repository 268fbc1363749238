/**
 * Results in a partition for each day, with who asked and what for; who is a request's result is claimed apart, by id. `day` is the UTC
 * day of the claim, by the database's clock: a claim and its row have the same, so that whoever knows an id touches one partition.
 *
 * Names compare by their bytes, as they do in Redis and here: lists are in one order.
 *
 * Partitions are made and dropped by the results service (`services/results/retention.ts`). What finds none goes to the default one.
 */
export const RESULTS_BY_DAY_STEP = `
ALTER TABLE sluice_results RENAME TO sluice_results_before;
ALTER TABLE sluice_results_before RENAME CONSTRAINT sluice_results_pkey TO sluice_results_before_pkey;
DROP INDEX sluice_results_by_time;

CREATE TABLE sluice_claims (
  tenant text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  content_hash text NOT NULL,
  -- The outcome that won: publishing it again is a repeat, publishing another would be a second result (I1).
  outcome_topic text NOT NULL,
  outcome_partition integer NOT NULL,
  outcome_offset bigint NOT NULL,
  day date NOT NULL,
  PRIMARY KEY (tenant, id)
);

CREATE TABLE sluice_results (
  tenant text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  status text NOT NULL,
  tier text,
  model text,
  cache text,
  error_code text,
  prompt_tokens integer,
  completion_tokens integer,
  cost_nusd bigint,
  -- As the record on llm.requests says; of one without a time, when it had ended.
  received_at timestamptz NOT NULL,
  completed_at timestamptz NOT NULL,
  -- The Result as JSON text.
  result text NOT NULL,
  -- Where the request stands on llm.requests, as its header sluice-origin says.
  origin text,
  user_id text,
  -- 'chat' or 'embeddings', where it is known.
  kind text,
  -- The batch or map-reduce that it belongs to.
  job text,
  PRIMARY KEY (tenant, id, day)
) PARTITION BY RANGE (day);
CREATE INDEX sluice_results_by_arrival ON sluice_results (tenant, received_at DESC, id DESC);
CREATE INDEX sluice_results_by_job ON sluice_results (job, id) WHERE job IS NOT NULL;
CREATE TABLE sluice_results_default PARTITION OF sluice_results DEFAULT;

-- Each partition takes locks: what is older than these days lies in one, named by the last day that it may hold.
DO $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  each date;
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF sluice_results FOR VALUES FROM (MINVALUE) TO (%L)',
    'sluice_results_' || to_char(today - 101, 'YYYYMMDD'), today - 100);
  FOR each IN
    SELECT day FROM (SELECT DISTINCT (completed_at AT TIME ZONE 'UTC')::date AS day FROM sluice_results_before) AS days
    WHERE day >= today - 100
    UNION SELECT today + ahead FROM generate_series(0, 1) AS ahead
  LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF sluice_results FOR VALUES FROM (%L) TO (%L)',
      'sluice_results_' || to_char(each, 'YYYYMMDD'), each, each + 1);
  END LOOP;
END $$;

INSERT INTO sluice_results (tenant, id, day, status, tier, model, cache, error_code, prompt_tokens, completion_tokens, cost_nusd,
  received_at, completed_at, result, origin)
SELECT tenant, id, (completed_at AT TIME ZONE 'UTC')::date, status, tier, model, cache, error_code, prompt_tokens, completion_tokens,
  cost_nusd, coalesce(received_at, completed_at), completed_at, result, origin
FROM sluice_results_before;
INSERT INTO sluice_claims (tenant, id, content_hash, outcome_topic, outcome_partition, outcome_offset, day)
SELECT tenant, id, content_hash, outcome_topic, outcome_partition, outcome_offset, (completed_at AT TIME ZONE 'UTC')::date
FROM sluice_results_before;
DROP TABLE sluice_results_before;`;
