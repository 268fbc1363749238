/** Both sides of a rollout over time, from the newest results. Pure. */
import type { RolloutEvent } from "../../../libs/shared/events/control.ts";
import type { ResultHead } from "../../../libs/shared/events/flow.ts";
import { StageStats } from "../../../libs/shared/rollout/side-stats.ts";
import { type SideView, sideView } from "../../../libs/shared/rollout/stage-view.ts";

export type SeriesPoint = { readonly at_ms: number; readonly new: SideView; readonly old: SideView };

const POINTS_MAX = 40;
const STEP_MS_MIN = 10_000;

/** Results of the present stage (and of the old side a while before) in equal steps of time, at most 40. */
export function rolloutSeries(
  state: Pick<RolloutEvent, "name" | "stage_ms" | "percent">,
  heads: readonly ResultHead[],
): readonly SeriesPoint[] {
  const own = heads.filter(({ route }) => route?.decision?.rollout?.name === state.name);
  if (own.length === 0) return [];
  const times = own.map(({ timing }) => timing.completed ?? 0);
  const first = Math.min(...times);
  const last = Math.max(...times);
  const step_ms = Math.max(STEP_MS_MIN, Math.ceil((last - first + 1) / POINTS_MAX));
  const steps = Map.groupBy(own, ({ timing }) => Math.floor(((timing.completed ?? 0) - first) / step_ms));
  return [...steps]
    .sort(([left], [right]) => left - right)
    .map(([step, results]) => {
      const stats = new StageStats(state);
      for (const result of results) stats.add(result);
      return { at_ms: first + step * step_ms, new: sideView(stats.new), old: sideView(stats.old) };
    });
}
