/** Makes the next wave: reads the answers of the one before, some at a time, and puts them into groups. */
import { type JobItem, jobRequestId } from "../../../libs/shared/jobs/job.ts";
import { ASKING_FIRST, newWave, type PlanningState, type Wave } from "../../../libs/shared/map-reduce/job.ts";
import { readAnswer } from "./answers.ts";
import type { MapReduceJob } from "./contents.ts";
import { answersPerGroup, grouped } from "./grouping.ts";
import { type End, ends, goesOn, type MapReduceDeps } from "./parts.ts";
import { leaderOf } from "./window.ts";

/** Of one step, all in memory. */
const ANSWERS_READ_MAX = 100;

type Group = NonNullable<PlanningState["open"]>;

/** One page of answers. The groups that it closes become items; with the last page the wave begins. */
export async function planningStep(deps: MapReduceDeps, job: MapReduceJob): Promise<End> {
  const { state, spec } = job;
  const { planning } = state;
  const before = state.waves.at(-1);
  if (planning === undefined || before === undefined) throw new Error(`${job.id} has nothing to plan`);
  const rows = await deps.store.results(job, before.wave, planning.from, ANSWERS_READ_MAX, "result");
  const limits = {
    answers_max: answersPerGroup(before.succeeded, spec.fan_in),
    tokens_max: deps.settings.map_reduce.shard_tokens_max,
  };
  const closed: Group[] = [];
  let { open } = planning;
  let read: Wave = before;
  for (const { item, request_id, status, result } of rows) {
    if (status !== "succeeded") continue;
    const answer = readAnswer(result);
    read = tallied(read, answer, leaderOf(request_id) === item);
    if (answer.text === "") continue;
    const put = grouped(open, { item, bytes: Buffer.byteLength(answer.text) }, limits);
    open = put.open;
    if (put.closed !== undefined) closed.push(put.closed);
  }
  const last = planning.from + rows.length >= before.items || rows.length === 0;
  if (last && open !== undefined) closed.push(open);
  await deps.store.addItems(
    job.id,
    closed.map((group, index) => itemOf(job.id, planning, index, group)),
  );
  const items = planning.items + closed.length;
  const waves = [...state.waves.slice(0, -1), read];
  const { planning: _planning, ...rest } = state;
  if (!last) {
    const { open: _open, ...kept } = planning;
    const from = planning.from + rows.length;
    const reading = { ...kept, from, items, ...(open === undefined ? {} : { open }) };
    return goesOn({ ...state, waves, planning: reading });
  }
  // Nothing was said of any document.
  if (items === 0) return ends("completed", { ...rest, phase: "done", waves, answer: "" });
  return goesOn({
    ...rest,
    phase: "asking",
    waves: [...waves, newWave(planning.wave, items)],
    next_wave: planning.wave + 1,
    asking: ASKING_FIRST,
  });
}

/** Its answers stand in the wave before, from the first to the last in a row; those that are empty or missing are passed over. */
function itemOf(job: string, { wave, items }: PlanningState, index: number, { first, last }: Group): JobItem {
  const item = items + index;
  return { wave, item, request_id: jobRequestId(job, wave, item), at: first, bytes: last - first + 1, tries: 1 };
}

/** Those who share a request share what it used. */
function tallied(wave: Wave, answer: ReturnType<typeof readAnswer>, is_leader: boolean): Wave {
  return {
    ...wave,
    empty: wave.empty + Number(answer.text === ""),
    truncated: wave.truncated + Number(answer.truncated),
    prompt_tokens: wave.prompt_tokens + (is_leader ? answer.prompt_tokens : 0),
    completion_tokens: wave.completion_tokens + (is_leader ? answer.completion_tokens : 0),
  };
}
