/** The phase of a batch in which its requests are written, a bounded number ahead of their results; and how it is stopped. */
import { SluiceError } from "../../../libs/shared/errors.ts";
import { controlRecord } from "../../../libs/shared/events/control.ts";
import type { StoredFile } from "../../../libs/shared/files/file.ts";
import type { BatchJob, BatchOutcome, BatchState } from "../../../libs/shared/jobs/batch.ts";
import type { ItemResult, StepEnd } from "../../../libs/shared/jobs/job.ts";
import { jobRecord } from "../jobs/records.ts";
import { readSpan, spansOf } from "./asking.ts";
import { type BatchDeps, counted, endedOf, fileGone, stepEnd, WAVE, withErrors } from "./deps.ts";

const TOLD_AT_ONCE = 1_000;
/** Of a large batch counting takes long: it is to be a tenth of the time at the most, and not too rare. */
const COUNT_SHARE = 10;
const COUNT_WAIT_MS_MAX = 5_000;
/** Those under way are waited for so long after they were told to end; as OpenAI's, at most ten minutes. */
const STOPPING_MS_MAX = 600_000;
/** After the deadline, which is theirs too, those under way end by themselves: what they cost and answered is not to be lost. */
const OVERDUE_MS_MAX = 10_000;

export async function run(deps: BatchDeps, job: BatchJob): Promise<StepEnd<BatchState>> {
  const { state } = job;
  return state.room > 0 && state.written < state.lines ? writeSome(deps, job) : count(deps, job);
}

/** Nothing more is written: those under way end first. */
export function stop(
  { clock }: BatchDeps,
  job: BatchJob,
  outcome: BatchOutcome,
  state = job.state,
): StepEnd<BatchState> {
  return stepEnd(job, "in_progress", { ...state, phase: "stopping", outcome, stopping_ms: clock.now_ms() });
}

/** The next requests. Those that have a result already were written before a crash, and are not asked again. */
async function writeSome(deps: BatchDeps, job: BatchJob): Promise<StepEnd<BatchState>> {
  const { state, tenant, spec } = job;
  const limit = Math.min(deps.settings.chunk, state.room);
  const items = await deps.store.results(job, WAVE, state.next_item, limit, "status");
  const last = items.at(-1);
  if (last === undefined) throw new Error(`the items of ${job.id} are fewer than its lines`);
  const file = await deps.files.find(tenant, spec.input_file_id);
  const open = items.filter(({ status }) => status === undefined);
  if (file === undefined || !(await publish(deps, job, file, open))) {
    return stop(deps, job, "failed", withErrors(state, [fileGone()]));
  }
  const written = state.written + items.length;
  const room = state.room - items.length;
  const next = { ...state, next_item: last.item + 1, written, room };
  return stepEnd(job, "in_progress", next, room > 0 && written < state.lines ? 0 : deps.settings.poll_ms);
}

/** @returns false where the file is gone. */
async function publish(
  deps: BatchDeps,
  job: BatchJob,
  file: StoredFile,
  items: readonly ItemResult[],
): Promise<boolean> {
  const { endpoint, metadata } = job.spec;
  const more = metadata === undefined ? {} : { metadata: { ...metadata } };
  try {
    for (const span of spansOf(items)) {
      const asked = await readSpan(deps.files, file, endpoint, span);
      const records = asked.map((one) => jobRecord(deps, job, one.item.request_id, { ...one.asked, ...more }));
      await deps.publisher.publish(records);
    }
    return true;
  } catch (error) {
    if (error instanceof SluiceError && error.code === "file_missing") return false;
    throw error;
  }
}

async function count(deps: BatchDeps, job: BatchJob): Promise<StepEnd<BatchState>> {
  const { settings, clock } = deps;
  const begun_ms = clock.now_ms();
  const counts = await deps.store.counts(job, WAVE);
  const rest_ms = Math.min((clock.now_ms() - begun_ms) * COUNT_SHARE, COUNT_WAIT_MS_MAX);
  const ended = endedOf(counts);
  const state = counted(job.state, counts);
  if (ended >= state.lines) {
    const writing = { phase: "writing", outcome: "completed", finalizing_ms: clock.now_ms() } as const;
    return stepEnd(job, "finalizing", { ...state, ...writing });
  }
  const room = settings.in_flight_max - Math.max(0, state.written - ended);
  const wanted = Math.min(settings.chunk, settings.in_flight_max, state.lines - state.written);
  if (wanted === 0 || room < wanted) {
    return stepEnd(job, "in_progress", { ...state, room: 0 }, Math.max(settings.poll_ms, rest_ms));
  }
  return stepEnd(job, "in_progress", { ...state, room });
}

/** Tells those under way to end (of a batch that was cancelled), and waits for them. */
export async function stopping(deps: BatchDeps, job: BatchJob): Promise<StepEnd<BatchState>> {
  const { state } = job;
  // A chunk may have been written by a step that a crash cut off.
  const told_max = state.written + deps.settings.chunk;
  const told = state.told ?? 0;
  if (state.outcome === "cancelled" && told < told_max) {
    const limit = Math.min(TOLD_AT_ONCE, told_max - told);
    const page = await deps.store.results(job, WAVE, state.told_item ?? 0, limit, "status");
    await tellToEnd(deps, job, page);
    const next_item = (page.at(-1)?.item ?? 0) + 1;
    const all = page.length < limit;
    return stepEnd(job, "in_progress", { ...state, told_item: next_item, told: all ? told_max : told + page.length });
  }
  const counts = await deps.store.counts(job, WAVE);
  const now_ms = deps.clock.now_ms();
  const waited = now_ms - (state.stopping_ms ?? now_ms) >= STOPPING_MS_MAX && state.outcome === "cancelled";
  const next = counted(state, counts);
  if (endedOf(counts) < state.written && !waited && !isOverdue(job, now_ms - OVERDUE_MS_MAX)) {
    return stepEnd(job, "in_progress", next, deps.settings.poll_ms);
  }
  return stepEnd(job, "in_progress", { ...next, phase: "closing" });
}

async function tellToEnd(deps: BatchDeps, job: BatchJob, items: readonly ItemResult[]): Promise<void> {
  const { tenant, key_id, cancel_ms } = job;
  const by = key_id === undefined ? {} : { by: key_id };
  const at_ms = cancel_ms ?? deps.clock.now_ms();
  const open = items.filter(({ status }) => status === undefined);
  const records = open.map(({ request_id: id }) =>
    controlRecord(deps.codec, deps.names.control, { kind: "cancel", tenant, id, at_ms, ...by }),
  );
  if (records.length > 0) await deps.publisher.publish(records);
}

export function isOverdue({ deadline_ms }: BatchJob, now_ms: number): boolean {
  return deadline_ms !== undefined && now_ms >= deadline_ms;
}
