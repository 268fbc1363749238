/**
 * The last phases of a batch: what has no result is given up, so that all that follows sees the same results however often it is done;
 * then both files are written, in the order of the input, a page of results at a time.
 */
import type { BatchJob, BatchOutcome, BatchState, BatchUsage } from "../../../libs/shared/jobs/batch.ts";
import { CLOSED_SUFFIX, type ItemResult, type JobStatus, type StepEnd } from "../../../libs/shared/jobs/job.ts";
import { type BatchDeps, counted, endedOf, stepEnd, WAVE } from "./deps.ts";
import { addUsage, outputLine } from "./output.ts";

const CLOSED_AT_ONCE = 1_000;
const PAGE_MAX = 500;
/** About so much of results is held at once. */
const PAGE_BYTES = 4 * 1024 * 1024;
const ERROR_STATUSES = ["rejected", "failed", "cancelled", "expired"];

/** One page of lines without a result: results that come later find no item. */
export async function close(deps: BatchDeps, job: BatchJob): Promise<StepEnd<BatchState>> {
  const { state } = job;
  const open = await deps.store.results(job, WAVE, 0, CLOSED_AT_ONCE, "status", ["pending"]);
  const closed = open.map((item) => ({ ...item, request_id: `${item.request_id}${CLOSED_SUFFIX}` }));
  await deps.store.retryItems(job.id, closed);
  if (open.length === CLOSED_AT_ONCE) return stepEnd(job, "in_progress", state);
  const counts = await deps.store.counts(job, WAVE);
  const next = counted(state, counts);
  // What was given up is in the error file, and counts as failed.
  const failed = next.lines - next.completed;
  // All were done in time, and nobody looked.
  const late = state.outcome === "expired" && endedOf(counts) === next.lines && counts.ended["expired"] === undefined;
  const outcome = late ? { outcome: "completed" as const } : {};
  const writing = { phase: "writing", failed, finalizing_ms: deps.clock.now_ms() } as const;
  return stepEnd(job, "finalizing", { ...next, ...writing, ...outcome });
}

/** One file, then the other, then the end. */
export async function write(deps: BatchDeps, job: BatchJob, signal: AbortSignal): Promise<StepEnd<BatchState>> {
  const { state } = job;
  const outcome = state.outcome ?? "completed";
  if (state.output_written !== true) {
    const { file_id, usage } = await writeFile(deps, job, "output", succeeded(deps, job), outcome, signal);
    const named = file_id === undefined ? {} : { output_file_id: file_id };
    return stepEnd(job, "finalizing", { ...state, ...named, output_written: true, usage });
  }
  const { file_id, usage } = await writeFile(deps, job, "error", others(deps, job), outcome, signal);
  const named = file_id === undefined ? {} : { error_file_id: file_id };
  return stepEnd(job, outcome satisfies JobStatus, { ...state, ...named, usage: addUsage(state.usage, usage) });
}

/** Items that succeeded, with their results. */
async function* succeeded({ store }: BatchDeps, job: BatchJob): AsyncGenerator<ItemResult> {
  let from = 0;
  let limit = 16;
  for (;;) {
    const page = await store.results(job, WAVE, from, limit, "result", ["succeeded"]);
    yield* page;
    if (page.length < limit) return;
    from = (page.at(-1)?.item ?? 0) + 1;
    limit = nextLimit(page);
  }
}

/** All other items: with their results, where there are any. */
async function* others({ store }: BatchDeps, job: BatchJob): AsyncGenerator<ItemResult> {
  for (let from = 0; ; ) {
    const page = await store.results(job, WAVE, from, PAGE_MAX, "status");
    const wanted = page.filter(({ status }) => status !== "succeeded");
    const with_result = wanted.filter(({ status }) => status !== undefined).length;
    const first = wanted.find(({ status }) => status !== undefined)?.item ?? 0;
    const errors =
      with_result === 0 ? [] : await store.results(job, WAVE, first, with_result, "result", ERROR_STATUSES);
    const by_item = new Map(errors.map((item) => [item.item, item]));
    for (const item of wanted) yield by_item.get(item.item) ?? item;
    if (page.length < PAGE_MAX) return;
    from = (page.at(-1)?.item ?? 0) + 1;
  }
}

/** As many as fit the page by what the last ones held. */
function nextLimit(page: readonly ItemResult[]): number {
  const bytes = page.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
  return Math.max(1, Math.min(PAGE_MAX, Math.floor((PAGE_BYTES * page.length) / Math.max(1, bytes))));
}

type Written = { readonly file_id: string | undefined; readonly usage: BatchUsage };

/** Under an id that is always the same, so that writing it again replaces it. No file where there is no line. */
async function writeFile(
  { files, clock }: BatchDeps,
  job: BatchJob,
  which: "output" | "error",
  items: AsyncGenerator<ItemResult>,
  outcome: BatchOutcome,
  signal: AbortSignal,
): Promise<Written> {
  let usage: BatchUsage = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
  const first = await items.next();
  if (first.done === true) return { file_id: undefined, usage };
  const { id, tenant, spec } = job;
  const after_s = spec.output_expires_after_s;
  const expires = after_s === undefined ? {} : { expires_ms: clock.now_ms() + after_s * 1_000 };
  async function* content(): AsyncGenerator<Uint8Array> {
    for (let next: IteratorResult<ItemResult, void> = first; next.done !== true; next = await items.next()) {
      // The lease may be lost or the process about to end: the file is written again by whoever goes on.
      signal.throwIfAborted();
      const line = outputLine(next.value, outcome);
      usage = addUsage(usage, line.usage);
      yield Buffer.from(line.text);
    }
  }
  const file_id = `file-${id}-${which}`;
  const filename = `${id}_${which}.jsonl`;
  const added = await files.add({
    id: file_id,
    tenant,
    purpose: "batch_output",
    filename,
    content: content(),
    ...expires,
  });
  if (added.kind !== "added") throw new Error(`the ${which} file of ${id} was refused: ${added.limit}`);
  return { file_id, usage };
}
