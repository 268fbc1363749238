/** Rows of `sluice_replays` as the code has them. Pure. */
import {
  NO_TOTALS,
  type Range,
  type Replay,
  type ReplayError,
  type ReplayPreview,
  type ReplaySpec,
  type ReplayStatus,
  type ReplayTotals,
} from "./replay.ts";

/** What every statement that gives replays selects or returns. */
export const REPLAY_COLUMNS = `id, status, spec, runner, by_whom, ranges, preview, totals, comparison, error, budget_nusd, wanted,
  created_at, updated_at, ended_at`;

export type ReplayRow = {
  readonly id: string;
  readonly status: string;
  readonly spec: ReplaySpec;
  readonly runner: string;
  readonly by_whom: string;
  readonly ranges: readonly Range[] | null;
  readonly preview: ReplayPreview | null;
  readonly totals: ReplayTotals | null;
  readonly comparison: unknown;
  readonly error: ReplayError | null;
  /** Postgres gives bigint as text. */
  readonly budget_nusd: string | null;
  readonly wanted: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
};

export function replayOfRow(row: ReplayRow): Replay {
  return {
    id: row.id,
    status: row.status as ReplayStatus,
    spec: row.spec,
    runner: row.runner as Replay["runner"],
    by: row.by_whom,
    ...(row.ranges === null ? {} : { ranges: row.ranges }),
    ...(row.preview === null ? {} : { preview: row.preview }),
    totals: row.totals ?? NO_TOTALS,
    ...(row.comparison === null ? {} : { comparison: row.comparison }),
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.budget_nusd === null ? {} : { budget_nusd: Number(row.budget_nusd) }),
    ...(row.wanted === "pause" || row.wanted === "cancel" ? { wanted: row.wanted } : {}),
    created_ms: row.created_at.getTime(),
    updated_ms: row.updated_at.getTime(),
    ...(row.ended_at === null ? {} : { ended_ms: row.ended_at.getTime() }),
  };
}
