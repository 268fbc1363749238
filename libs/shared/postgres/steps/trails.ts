/** What `explain` tells beside the Result; and results found by when they ended, for figures of the last minutes; jobs by time. */
export const TRAILS_STEP = `
-- JSON text: the places of every hop, what was held, and the attempts (libs/shared/events/trail.ts).
ALTER TABLE sluice_results ADD COLUMN trail text;
-- Of a request that was answered by a later run: the replay.
ALTER TABLE sluice_results ADD COLUMN corrected_by text;
CREATE INDEX sluice_results_by_end ON sluice_results USING brin (completed_at) WITH (pages_per_range = 16, autosummarize = on);
-- Jobs of all tenants, the latest first, for administrators.
CREATE INDEX sluice_jobs_of_all_by_time ON sluice_jobs (created_at DESC, id DESC);`;
