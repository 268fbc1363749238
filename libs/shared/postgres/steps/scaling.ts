/** What scaling remembers: arrivals by five minutes, for the forecast; and decisions, for people. */
export const SCALING_STEP = `
CREATE TABLE sluice_scaling_arrivals (
  -- As in the setting scaling.bounds: a service, or inference.<tier>.
  target text NOT NULL,
  start_at timestamptz NOT NULL,
  records double precision NOT NULL,
  -- Of the five minutes, what was observed.
  observed_ms integer NOT NULL,
  PRIMARY KEY (target, start_at)
);
CREATE INDEX sluice_scaling_arrivals_by_time ON sluice_scaling_arrivals (start_at);
CREATE TABLE sluice_scaling_decisions (
  target text NOT NULL,
  at timestamptz NOT NULL,
  replicas integer NOT NULL,
  desired integer NOT NULL,
  wanted integer NOT NULL,
  reason text NOT NULL,
  why text NOT NULL,
  PRIMARY KEY (target, at)
);
CREATE INDEX sluice_scaling_decisions_by_time ON sluice_scaling_decisions (at);`;
