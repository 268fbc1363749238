/** Looks at the items of the current wave that have not ended, and writes down which of them are asked again. */
import type { JobsSettings } from "../../../libs/shared/config/gateway.ts";
import type { ItemResult, JobItem } from "../../../libs/shared/jobs/job.ts";
import type { AskingState, MapReduceState, Wave } from "../../../libs/shared/map-reduce/job.ts";
import { type Failing, readFailing } from "./answers.ts";
import { itemsOf, type MapReduceJob } from "./contents.ts";
import type { MapReduceDeps } from "./parts.ts";
import { leaderOf, type Seen, see } from "./window.ts";

const WINDOW_ITEMS_MIN = 5_000;
const PAGE_ITEMS = 1_000;
/** Results of failures are small. */
const FAILED_PAGE_ITEMS = 250;
const FAILED_STATUSES = ["failed", "rejected", "cancelled", "expired"];

/** Items between the first that has not ended and the last that was asked: nothing is written beyond, however long one takes. */
export function windowItems({ in_flight_max }: Pick<JobsSettings, "in_flight_max">): number {
  return Math.max(WINDOW_ITEMS_MIN, 2 * in_flight_max);
}

export type Look = {
  readonly seen: Seen;
  readonly state: MapReduceState;
  readonly asking: AskingState;
  readonly wave: Wave;
};

/** @param closing nothing is asked again. @returns the state as it is now. */
export async function look(deps: MapReduceDeps, job: MapReduceJob, closing: boolean): Promise<Look> {
  const { state, spec } = job;
  const wave = state.waves.at(-1);
  const { asking } = state;
  if (wave === undefined || asking === undefined) throw new Error(`${job.id} asks for nothing`);
  const end = Math.min(asking.cursor, asking.floor + windowItems(deps.settings));
  const rows: ItemResult[] = [];
  for (let from = asking.floor; from < end; from += PAGE_ITEMS) {
    rows.push(...(await deps.store.results(job, wave.wave, from, Math.min(PAGE_ITEMS, end - from), "status")));
  }
  const seen = see({
    job: job.id,
    rows,
    asking,
    failing: await failingOf(deps, job, wave.wave, rows),
    leader_tries: await leaderTries(deps, job.id, rows),
    tries: { round: state.round, per_round: spec.tries, closing },
  });
  await deps.store.retryItems(job.id, seen.again);
  // After the look: what has ended by then has its cost in the counts.
  const { cost_nusd, requests } = await deps.store.counts(job, wave.wave);
  const now: Wave = { ...wave, succeeded: seen.succeeded, failed: seen.failed, cost_nusd, requests };
  const lost_nusd = state.lost_nusd + (state.budget_nusd === undefined ? 0 : seen.lost_nusd);
  return {
    seen,
    state: { ...state, waves: [...state.waves.slice(0, -1), now], asking: seen.asking, lost_nusd },
    asking: seen.asking,
    wave: now,
  };
}

async function failingOf(
  { store }: MapReduceDeps,
  job: MapReduceJob,
  wave: number,
  rows: readonly ItemResult[],
): Promise<ReadonlyMap<number, Failing>> {
  const failing = new Map<number, Failing>();
  const bad = rows.filter(
    ({ status, item, request_id }) => FAILED_STATUSES.includes(status ?? "") && leaderOf(request_id) === item,
  );
  const last = bad.at(-1)?.item;
  let from = bad[0]?.item;
  while (from !== undefined && last !== undefined && from <= last) {
    const page = await store.results(job, wave, from, FAILED_PAGE_ITEMS, "result", FAILED_STATUSES);
    for (const { item, status = "failed", result } of page) failing.set(item, readFailing(status, result));
    from = page.length < FAILED_PAGE_ITEMS ? undefined : (page.at(-1) as JobItem).item + 1;
  }
  return failing;
}

/** Of leaders that stand before the rows, where a follower of theirs has not succeeded. */
async function leaderTries(
  deps: MapReduceDeps,
  job: string,
  rows: readonly ItemResult[],
): Promise<ReadonlyMap<number, number>> {
  const from = rows[0]?.item ?? 0;
  const wave = rows[0]?.wave ?? 0;
  const waiting = rows.filter(({ status }) => status !== "succeeded").map(({ request_id }) => leaderOf(request_id));
  const before = [...new Set(waiting)].filter((leader) => leader < from).sort((one, other) => one - other);
  const items = await itemsOf(deps, job, wave, before);
  return new Map(items.map(({ item, tries }) => [item, tries]));
}
