/**
 * How the items of a wave that are looked at stand, and what follows: what is under way, what is asked again, what has failed for good.
 * Pure.
 *
 * Items of one text share a request: the first of them is its leader, whose number is in the request's id, and the others follow it.
 */
import { type ItemResult, type JobItem, jobRequestId } from "../../../libs/shared/jobs/job.ts";
import type { AskingState, Written } from "../../../libs/shared/map-reduce/job.ts";
import type { Failing } from "./answers.ts";

export type Tries = {
  /** From 1; a retry by the caller begins another. */
  readonly round: number;
  /** Of one round. */
  readonly per_round: number;
  /** Nothing is asked again: the job is to end. */
  readonly closing: boolean;
};

export type Looked = {
  readonly job: string;
  /** Of the wave from `asking.floor` on, without a gap. */
  readonly rows: readonly ItemResult[];
  readonly asking: AskingState;
  /** Of leaders that ended without success. */
  readonly failing: ReadonlyMap<number, Failing>;
  /** How often leaders that are not among the rows were asked. */
  readonly leader_tries: ReadonlyMap<number, number>;
  readonly tries: Tries;
};

export type Seen = {
  /** Moved on; `under_way` is what really is. */
  readonly asking: AskingState;
  /** Of all items looked at or below. */
  readonly succeeded: number;
  readonly failed: number;
  /** They become new requests. */
  readonly again: readonly Pick<JobItem, "wave" | "item" | "request_id" | "tries">[];
  /** Leaders below the cursor that are to be written, with their tries. */
  readonly to_write: readonly { readonly item: number; readonly tries: number }[];
  /** What ended requests without a cost may have cost, in addition. */
  readonly lost_nusd: number;
};

/** The item whose request it is. Job ids have no dot. */
export function leaderOf(request_id: string): number {
  return Number(request_id.split(".")[2]);
}

type Fate = "succeeded" | "failed" | "open";

export function see({ job, rows, asking, failing, leader_tries, tries }: Looked): Seen {
  const written = new Map(asking.under_way.map((one) => [one[0], one]));
  const now_at = new Map(leader_tries);
  const again: Seen["again"][number][] = [];
  const to_write: Seen["to_write"][number][] = [];
  let lost_nusd = 0;

  const lead = (row: ItemResult): Fate => {
    const entry = written.get(row.item);
    now_at.set(row.item, row.tries);
    const of_this_try = entry?.[1] === row.tries;
    if (row.status === undefined && of_this_try) return "open";
    written.delete(row.item);
    if (row.status === "succeeded" && of_this_try) return "succeeded";
    const failed = failing.get(row.item);
    // An earlier try is over, too: nobody knows how, after a crash.
    if (entry !== undefined && (!of_this_try || failed?.may_be_billed !== false)) lost_nusd += entry[2];
    if (row.status === "succeeded") return "succeeded";
    const next = row.status === undefined ? row.tries : nextTry(row.tries, failed?.final ?? false, tries);
    if (next === undefined) return "failed";
    if (next !== row.tries) {
      again.push({
        wave: row.wave,
        item: row.item,
        request_id: jobRequestId(job, row.wave, row.item, next),
        tries: next,
      });
      now_at.set(row.item, next);
    }
    to_write.push({ item: row.item, tries: next });
    return "open";
  };

  const follow = (row: ItemResult, leader: number): Fate => {
    if (row.status === "succeeded") return "succeeded";
    const latest = now_at.get(leader) ?? row.tries;
    if (latest === row.tries) return row.status === undefined ? "open" : "failed";
    const request_id = jobRequestId(job, row.wave, leader, latest);
    again.push({ wave: row.wave, item: row.item, request_id, tries: latest });
    return "open";
  };

  const fates = rows.map((row) => {
    const leader = leaderOf(row.request_id);
    return leader === row.item ? lead(row) : follow(row, leader);
  });
  const passed = fates.indexOf("open") < 0 ? fates.length : fates.indexOf("open");
  const below = fates.slice(0, passed);
  const count = (of: readonly Fate[], fate: Fate): number => of.filter((one) => one === fate).length;
  return {
    asking: {
      ...asking,
      floor: asking.floor + passed,
      succeeded: asking.succeeded + count(below, "succeeded"),
      failed: asking.failed + count(below, "failed"),
      under_way: [...written.values()] satisfies Written[],
    },
    succeeded: asking.succeeded + count(fates, "succeeded"),
    failed: asking.failed + count(fates, "failed"),
    ...{ again, to_write, lost_nusd },
  };
}

/** The number of the next try of an item whose last one ended badly; undefined: there is none in this round. */
function nextTry(last: number, final: boolean, { round, per_round, closing }: Tries): number | undefined {
  if (closing) return undefined;
  const first_of_round = (round - 1) * per_round + 1;
  if (last < first_of_round) return first_of_round;
  return final || last >= round * per_round ? undefined : last + 1;
}
