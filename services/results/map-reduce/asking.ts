/**
 * The asking of a wave, in steps that may be done again. What is to be written is saved in the state first (`outbox`) and written by the
 * next step: after a crash it is written again, as the same requests, and the budget has counted it from before it went out.
 */
import { type JobItem, jobRequestId } from "../../../libs/shared/jobs/job.ts";
import { type AskingState, type MapReduceState, spent_nusd } from "../../../libs/shared/map-reduce/job.ts";
import { endedItems, sampled } from "../../../libs/shared/map-reduce/progress.ts";
import { dollars } from "../../../libs/shared/money.ts";
import { jobRecord } from "../jobs/records.ts";
import { readAnswer } from "./answers.ts";
import { capped } from "./asked.ts";
import { itemsOf, type MapReduceJob, requestsOf } from "./contents.ts";
import { BYTES_PER_TOKEN } from "./cutting.ts";
import { type Look, look, windowItems } from "./looking.ts";
import { type End, ends, fails, goesOn, type MapReduceDeps } from "./parts.ts";
import { type Candidate, type Chosen, choose, leftOf } from "./spending.ts";
import { leaderOf } from "./window.ts";

/** So many shards in a row and none that succeeded: a job that fails anyway ends here. */
const HOPELESS_ITEMS = 20;
const TOGETHER_BYTES_MAX = 8 * 1024 * 1024;

export async function askingStep(deps: MapReduceDeps, job: MapReduceJob): Promise<End> {
  if (job.state.asking?.outbox !== undefined) return write(deps, job);
  const looked = await look(deps, job, false);
  const now_ms = deps.clock.now_ms();
  const state = { ...looked.state, samples: sampled(job.state.samples, now_ms, endedItems(looked.state.waves)) };
  const { wave, asking } = looked;
  const is_map = state.waves.length === 1;
  const must_fail = !is_map || state.on_failed_shard === "fail";
  if (asking.floor === wave.items) return afterWave(deps, { ...job, state }, must_fail);
  if (must_fail && wave.succeeded === 0 && wave.failed >= HOPELESS_ITEMS) {
    if (asking.under_way.length === 0) return fails(state, "shard_failed", failedText(state));
    return goesOn(state, deps.settings.poll_ms);
  }
  return next(deps, { ...job, state }, { ...looked, state }, job.state.asking ?? asking);
}

/** The wave is over. */
async function afterWave(deps: MapReduceDeps, job: MapReduceJob, must_fail: boolean): Promise<End> {
  const { state } = job;
  const wave = state.waves.at(-1);
  if (wave === undefined) throw new Error(`${job.id} has no wave`);
  if (wave.failed > 0 && must_fail) return fails(state, "shard_failed", failedText(state));
  if (wave.succeeded === 0) return fails(state, "no_answers", `all ${wave.items} shards failed`);
  if (state.waves.length > 1 && wave.items === 1) {
    const [row] = await deps.store.results(job, wave.wave, 0, 1, "result");
    const { text, truncated, prompt_tokens, completion_tokens } = readAnswer(row?.result);
    const last = {
      ...wave,
      truncated: Number(truncated),
      empty: Number(text === ""),
      prompt_tokens,
      completion_tokens,
    };
    return ends("completed", { ...state, phase: "done", waves: [...state.waves.slice(0, -1), last], answer: text });
  }
  return goesOn({ ...state, phase: "planning", planning: { from: 0, wave: state.next_wave, items: 0 } });
}

function failedText({ waves }: MapReduceState): string {
  const wave = waves.at(-1);
  const what = waves.length === 1 ? "shards" : `reduces of wave ${waves.length - 1}`;
  return `${wave?.failed} of ${wave?.items} ${what} failed; retry asks them again, and keeps all other answers`;
}

/** Chooses what is written next. */
async function next(
  deps: MapReduceDeps,
  job: MapReduceJob,
  { seen, state, asking, wave }: Look,
  before: AskingState,
): Promise<End> {
  const room = Math.min(deps.settings.chunk, deps.settings.in_flight_max - asking.under_way.length);
  const again = seen.to_write.slice(0, Math.max(0, room));
  const fresh = await freshItems(deps, job.id, asking, wave, room - again.length);
  const old = await itemsOf(
    deps,
    job.id,
    wave.wave,
    again.map(({ item }) => item),
  );
  const candidates = await bounded(deps, { ...job, state }, together([...old, ...fresh.leaders], job));
  if (candidates === undefined) {
    return fails(state, "price_unknown", "a model of the job has no price, so that its budget cannot be kept");
  }
  const chosen = choose(state, candidates);
  const cursor = cursorAfter(fresh, chosen);
  if (chosen.written.length > 0) {
    const outbox = { deadline_ms: state.deadline_ms, requests: chosen.written };
    return goesOn({ ...state, asking: { ...asking, cursor, outbox } });
  }
  const waiting = { ...state, asking: { ...asking, cursor } };
  if (chosen.over_budget && asking.under_way.length === 0) {
    return fails(waiting, "budget_exhausted", budgetText(state, candidates[0]?.bound_nusd ?? 0));
  }
  // Nobody is waited for: those were identical ones alone, or there is more to look at than one look takes.
  const more = cursor > before.cursor || before.cursor - before.floor > windowItems(deps.settings);
  return goesOn(waiting, more && asking.floor + cursor > before.floor + before.cursor ? 0 : deps.settings.poll_ms);
}

type Fresh = {
  /** Those that become requests; identical ones share theirs. */
  readonly leaders: readonly JobItem[];
  /** Where the cursor stands once all of these are written. */
  readonly cursor: number;
};

async function freshItems(
  { store, settings }: MapReduceDeps,
  job: string,
  { floor, cursor }: AskingState,
  { wave, items }: Look["wave"],
  room: number,
): Promise<Fresh> {
  const end = Math.min(items, floor + windowItems(settings));
  if (room <= 0 || cursor >= end) return { leaders: [], cursor };
  const rows = await store.items(job, wave, cursor, Math.min(room, end - cursor));
  return {
    leaders: rows.filter(({ item, request_id }) => leaderOf(request_id) === item),
    cursor: cursor + rows.length,
  };
}

function cursorAfter({ leaders, cursor }: Fresh, { written }: Chosen): number {
  const taken = new Set(written.map(([item]) => item));
  return leaders.find(({ item }) => !taken.has(item))?.item ?? cursor;
}

/** As many as are held in memory at once. */
function together(rows: readonly JobItem[], { spec, state }: MapReduceJob): readonly JobItem[] {
  const answer_bytes = BYTES_PER_TOKEN * Math.max(spec.map.max_output_tokens, spec.reduce.max_output_tokens);
  let bytes = 0;
  const over = rows.findIndex((row) => {
    bytes += state.waves.length === 1 ? row.bytes : row.bytes * answer_bytes;
    return bytes > TOGETHER_BYTES_MAX;
  });
  return over < 0 ? rows : rows.slice(0, Math.max(1, over));
}

/** What each may cost. Without a budget nobody asks. @returns undefined where a price is missing. */
async function bounded(
  deps: MapReduceDeps,
  job: MapReduceJob,
  rows: readonly JobItem[],
): Promise<readonly Candidate[] | undefined> {
  const tries = (row: JobItem): Pick<Candidate, "item" | "tries"> => ({ item: row.item, tries: row.tries });
  if (job.state.budget_nusd === undefined) return rows.map((row) => ({ ...tries(row), bound_nusd: 0 }));
  const requests = await requestsOf(deps, job, rows);
  const candidates: Candidate[] = [];
  let left_nusd = leftOf(job.state);
  for (const [index, row] of rows.entries()) {
    // One that does not fit is enough: counting takes time.
    if (left_nusd < 0 && candidates.length > 0) break;
    const request = requests[index];
    const bound_nusd = request === undefined ? undefined : deps.bound(request);
    if (bound_nusd === undefined) return undefined;
    candidates.push({ ...tries(row), bound_nusd });
    left_nusd -= bound_nusd;
  }
  return candidates;
}

/** Writes what was chosen, all of it. */
async function write(deps: MapReduceDeps, job: MapReduceJob): Promise<End> {
  const { state } = job;
  const wave = state.waves.at(-1);
  const { asking } = state;
  if (asking?.outbox === undefined || wave === undefined) throw new Error(`${job.id} has nothing to write`);
  const { outbox, ...rest } = asking;
  const rows = await itemsOf(
    deps,
    job.id,
    wave.wave,
    outbox.requests.map(([item]) => item),
  );
  const requests = await requestsOf(deps, job, rows);
  const records = outbox.requests.map(([item, tries, bound_nusd], index) => {
    const request = requests[index];
    if (rows[index]?.item !== item || request === undefined) throw new Error(`${job.id} has no item ${item}`);
    const id = jobRequestId(job.id, wave.wave, item, tries);
    return jobRecord(deps, { ...job, deadline_ms: outbox.deadline_ms }, id, capped(request, bound_nusd));
  });
  await deps.publisher.publish(records);
  return goesOn({ ...state, asking: { ...rest, under_way: [...asking.under_way, ...outbox.requests] } });
}

function budgetText(state: MapReduceState, needed_nusd: number): string {
  const lost = state.lost_nusd === 0 ? "" : ` (and up to ${dollars(state.lost_nusd)} for calls without an answer)`;
  return (
    `${dollars(spent_nusd(state))}${lost} of ${dollars(state.budget_nusd ?? 0)} are spent, ` +
    `and the next request may cost ${dollars(needed_nusd)}; ` +
    "retry with a larger budget_usd: all answers are kept"
  );
}
