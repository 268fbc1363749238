/** The first phase of a batch: every line is checked before any is run. One step reads a bounded piece of the file. */
import type { StoredFile } from "../../../libs/shared/files/file.ts";
import { type Line, type LinePlace, readLines } from "../../../libs/shared/files/lines.ts";
import type { BatchError, BatchJob, BatchState } from "../../../libs/shared/jobs/batch.ts";
import { type JobItem, jobRequestId, type StepEnd } from "../../../libs/shared/jobs/job.ts";
import { type BatchDeps, fileGone, stepEnd, WAVE, withErrors } from "./deps.ts";
import { checkLine } from "./lines.ts";

const LINES_AT_ONCE = 1_000;
const BYTES_AT_ONCE = 8 * 1024 * 1024;

type Piece = {
  readonly items: readonly JobItem[];
  readonly errors: readonly BatchError[];
  readonly lines: number;
  /** Where the next step goes on; undefined at the end of the file. */
  readonly next: LinePlace | undefined;
};

export async function validate(deps: BatchDeps, job: BatchJob): Promise<StepEnd<BatchState>> {
  const { spec, state, tenant } = job;
  if (spec.retry_of !== undefined) return takeOver(deps, job, spec.retry_of);
  const file = await deps.files.find(tenant, spec.input_file_id);
  if (file === undefined) return refused(job, withErrors(state, [fileGone()]));
  const { items, errors, lines, next } = await readPiece(deps, job, file);
  const taken = new Set(await deps.store.addItems(job.id, items));
  const repeats = items.filter(({ custom_id }) => taken.has(custom_id as string)).map(({ item }) => repeated(item + 1));
  const in_order = [...errors, ...repeats].sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
  const { next_line: _, ...before } = state;
  const checked = withErrors({ ...before, lines: state.lines + lines }, in_order);
  const { lines_max } = deps.settings.batch;
  if (checked.lines > lines_max) {
    const message = `the file has more than ${lines_max} lines; split it (jobs.batch.lines_max)`;
    return refused(job, withErrors(checked, [{ code: "too_many_lines", message, param: null, line: null }]));
  }
  if (next !== undefined) return stepEnd(job, "validating", { ...checked, next_line: next });
  if (checked.lines === 0) {
    const message = "the input file has no lines";
    return refused(job, withErrors(checked, [{ code: "empty_file", message, param: "input_file_id", line: null }]));
  }
  return checked.errors_total > 0 ? refused(job, checked) : begun(deps, job, checked);
}

function refused(job: BatchJob, state: BatchState): StepEnd<BatchState> {
  return stepEnd(job, "failed", state);
}

function begun({ clock }: BatchDeps, job: BatchJob, state: BatchState): StepEnd<BatchState> {
  const running = { ...state, phase: "running", next_item: 0, in_progress_ms: clock.now_ms() } as const;
  return stepEnd(job, "in_progress", running);
}

function repeated(line: number): BatchError {
  const message = "custom_id is another line's already; give each line its own";
  return { code: "duplicate_custom_id", message, param: "custom_id", line };
}

async function readPiece({ files, settings }: BatchDeps, job: BatchJob, file: StoredFile): Promise<Piece> {
  const from = job.state.next_line ?? { at: 0, number: 1 };
  const { line_bytes_max, lines_max } = settings.batch;
  const items: JobItem[] = [];
  const errors: BatchError[] = [];
  const seen = new Set<string>();
  let lines = 0;
  if (from.at >= file.bytes) return { items, errors, lines, next: undefined };
  for await (const line of readLines(files.read(file, { start: from.at, end: file.bytes }), { line_bytes_max, from })) {
    const checked = checkOne(job, line, line_bytes_max);
    lines += 1;
    if (!checked.ok) errors.push(checked.error);
    else if (seen.has(checked.item.custom_id as string)) errors.push(repeated(line.number));
    else {
      seen.add(checked.item.custom_id as string);
      items.push(checked.item);
    }
    const enough = lines >= LINES_AT_ONCE || line.next.at - from.at >= BYTES_AT_ONCE;
    // One line more than there may be is enough to know.
    if (enough || job.state.lines + lines > lines_max) return { items, errors, lines, next: line.next };
  }
  return { items, errors, lines, next: undefined };
}

type CheckedOne = { readonly ok: true; readonly item: JobItem } | { readonly ok: false; readonly error: BatchError };

function checkOne({ id, spec }: BatchJob, line: Line, line_bytes_max: number): CheckedOne {
  if (line.too_long) {
    const message = `the line has more than ${line_bytes_max} bytes (jobs.batch.line_bytes_max)`;
    return { ok: false, error: { code: "line_too_long", message, param: null, line: line.number } };
  }
  const checked = checkLine(line.bytes, spec.endpoint);
  if (!checked.ok) return { ok: false, error: { ...checked.problem, line: line.number } };
  const item = line.number - 1;
  const place = { at: line.at, bytes: line.bytes.length };
  const request_id = jobRequestId(id, WAVE, item);
  return { ok: true, item: { wave: WAVE, item, custom_id: checked.custom_id, request_id, ...place, tries: 1 } };
}

/** A retry asks what did not succeed in the batch before, from the same file, whose lines were found good then. */
async function takeOver(deps: BatchDeps, job: BatchJob, retry_of: string): Promise<StepEnd<BatchState>> {
  const { state, tenant, id } = job;
  const before = await deps.store.find(tenant, "batch", retry_of);
  if (before === undefined) {
    const message = `the batch ${retry_of} is not there any more`;
    return refused(job, withErrors(state, [{ code: "batch_missing", message, param: "retry_of", line: null }]));
  }
  const page = await deps.store.results(before, WAVE, state.next_item, LINES_AT_ONCE, "status");
  const again = page.filter(({ status }) => status !== "succeeded");
  const items = again.map(({ status: _status, result: _result, ...item }) => ({
    ...item,
    request_id: jobRequestId(id, WAVE, item.item),
    tries: 1,
  }));
  await deps.store.addItems(id, items);
  const taken = { ...state, lines: state.lines + items.length, next_item: (page.at(-1)?.item ?? 0) + 1 };
  if (page.length === LINES_AT_ONCE) return stepEnd(job, "validating", taken);
  if (taken.lines > 0) return begun(deps, job, taken);
  const message = `every line of ${retry_of} has succeeded`;
  return refused(job, withErrors(taken, [{ code: "nothing_to_retry", message, param: "retry_of", line: null }]));
}
