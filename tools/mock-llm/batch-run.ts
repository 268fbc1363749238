/** A batch from `validating` to its end: its lines in even portions over the time it is given, then its files. */

import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { type BatchLine, parseBatchInput } from "./batch-input.ts";
import { type LineOutcome, type LineRunner, unrunLine } from "./batch-line.ts";
import { type BatchObject, nowS, type OpenBatch } from "./batch-store.ts";
import type { Mock } from "./mock.ts";

/** The time of a batch: validating, then its lines, then finalizing. */
const VALIDATING_SHARE = 0.1;
const RUNNING_SHARE = 0.8;
/** The lines run in so many portions at the most, and in portions of this size at the most. */
const PORTIONS = 20;
const PORTION_LINES_MAX = 500;
/** A batch whose files grow beyond this expires there. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

const CANCELLED = ["batch_cancelled", "The batch was cancelled before this request was executed."] as const;
const EXPIRED = ["batch_expired", "This request could not be executed before the completion window expired."] as const;

type Files = { readonly output: string[]; readonly error: string[]; bytes: number };

/** Runs the batch to its end. The behaviour at its creation holds for the whole of it. */
export async function runBatch(mock: Mock, open: OpenBatch, run: LineRunner): Promise<void> {
  const { batch, ending, input } = open;
  const { behaviour } = mock;
  const wait = (share: number) => waitFor(behaviour.batch_latency_ms * share, ending.signal);
  const files: Files = { output: [], error: [], bytes: 0 };
  try {
    await wait(VALIDATING_SHARE);
    const read = parseBatchInput(input.toString("utf8"), batch.endpoint);
    if (!read.ok && !ending.signal.aborted) return fail(batch, read.problems);
    const lines = read.ok ? read.lines : [];
    batch.request_counts.total = lines.length;
    if (!ending.signal.aborted) Object.assign(batch, { status: "in_progress", in_progress_at: nowS() });
    const lines_max = Math.floor(lines.length * (behaviour.batch_expire_after ?? 1));
    const size = Math.max(1, Math.min(PORTION_LINES_MAX, Math.ceil(lines.length / PORTIONS)));
    let done = 0;
    while (done < lines_max && files.bytes < OUTPUT_BYTES_MAX && !ending.signal.aborted) {
      const portion = lines.slice(done, Math.min(done + size, lines_max));
      await wait((RUNNING_SHARE * portion.length) / lines.length);
      if (ending.signal.aborted) break;
      for (const line of portion) keep(batch, files, run(mock, line, behaviour.batch_line_error_rate));
      done += portion.length;
    }
    const expired = behaviour.batch_expire_after !== undefined || done < lines.length;
    if (!expired && !ending.signal.aborted) Object.assign(batch, { status: "finalizing", finalizing_at: nowS() });
    await wait(1 - VALIDATING_SHARE - RUNNING_SHARE);
    if (!mock.batches.closed) finish(mock, open, files, lines.slice(done), expired);
  } finally {
    mock.batches.end(open);
  }
}

/** Ends at once when the batch is cancelled or the server closes. */
async function waitFor(wait_ms: number, signal: AbortSignal): Promise<void> {
  try {
    if (wait_ms < 1) await turn(undefined, { signal });
    else await sleep(wait_ms, undefined, { signal, ref: false });
  } catch {
    // Aborted: whoever waits looks at the signal.
  }
}

function fail(batch: BatchObject, data: NonNullable<BatchObject["errors"]>["data"]): void {
  Object.assign(batch, { status: "failed", failed_at: nowS(), errors: { object: "list", data } });
}

function keep(batch: BatchObject, files: Files, outcome: LineOutcome): void {
  files[outcome.file].push(outcome.text);
  files.bytes += outcome.text.length;
  batch.request_counts[outcome.file === "output" ? "completed" : "failed"] += 1;
}

/** Writes the files and the last status; lines that were not run are named in the error file. */
function finish(mock: Mock, open: OpenBatch, files: Files, unrun: readonly BatchLine[], expired: boolean): void {
  const { batch, ending } = open;
  const cancelled = ending.signal.aborted;
  const [code, message] = cancelled ? CANCELLED : EXPIRED;
  for (const { custom_id } of unrun) keep(batch, files, unrunLine(mock, custom_id, code, message));
  batch.output_file_id = writeFile(mock, files.output, `${batch.id}_output.jsonl`);
  batch.error_file_id = writeFile(mock, files.error, `${batch.id}_error.jsonl`);
  if (cancelled) Object.assign(batch, { status: "cancelled", cancelled_at: nowS() });
  else if (expired) Object.assign(batch, { status: "expired", expired_at: nowS() });
  else Object.assign(batch, { status: "completed", completed_at: nowS() });
}

function writeFile(mock: Mock, lines: readonly string[], filename: string): string | null {
  if (lines.length === 0) return null;
  return mock.batches.addFile(Buffer.from(`${lines.join("\n")}\n`), filename, "batch_output").id;
}
