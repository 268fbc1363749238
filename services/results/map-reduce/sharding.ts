/** The beginning of a map-reduce: its documents become shards in a file of the job's own, and the shards become items. */
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { StoredFile } from "../../../libs/shared/files/file.ts";
import { readLines } from "../../../libs/shared/files/lines.ts";
import { type JobItem, jobRequestId } from "../../../libs/shared/jobs/job.ts";
import { ASKING_FIRST, newWave } from "../../../libs/shared/map-reduce/job.ts";
import type { MapReduceJob } from "./contents.ts";
import { formatOf, readDocuments } from "./documents.ts";
import { type End, ends, fails, goesOn, type MapReduceDeps } from "./parts.ts";
import { InputRefused, readShard, type ShardCounts, shardLineBytesMax, shardLines } from "./shards.ts";

const DAY_MS = 86_400_000;
/** Of the file, for a look at what it is. */
const BEGINNING_BYTES = 1_024;
/** Of one step. */
const LISTED_ITEMS_MAX = 2_000;
const LISTED_BYTES_MAX = 8 * 1024 * 1024;
/** Of one statement. */
const ADDED_ITEMS_MAX = 500;

/** Writes the file with the shards, whole; done again, it writes the same. */
export async function shardingStep(deps: MapReduceDeps, job: MapReduceJob, stopping: AbortSignal): Promise<End> {
  const { tenant, spec, state } = job;
  const input = await deps.files.find(tenant, spec.input_file_id);
  if (input === undefined) {
    const message = `there is no file ${spec.input_file_id} (any more)`;
    return ends("failed", { ...state, errors: [{ code: "file_not_found", message }] });
  }
  const counts: ShardCounts = { documents: 0, empty_documents: 0, shards: 0, duplicates: 0 };
  const documents = readDocuments(heeding(deps.files.read(input), stopping), await formatOfFile(deps, input));
  const options = { shard_tokens: spec.shard_tokens, limits: deps.settings.map_reduce };
  try {
    const added = await deps.files.add({
      id: state.shards_file_id,
      tenant,
      purpose: "user_data",
      filename: `${job.id}.shards.jsonl`,
      content: shardLines(documents, options, counts),
      expires_ms: state.deadline_ms + deps.settings.keep_days * DAY_MS,
    });
    if (added.kind === "too_large")
      return fails(state, "shards_too_large", `the shards are larger than ${added.limit}`);
  } catch (error) {
    if (!(error instanceof InputRefused)) throw error;
    return ends("failed", { ...state, errors: error.problems });
  }
  return goesOn({ ...state, ...counts, phase: "listing", listing: { at: 0, line: 1, item: 0 } }, 0, "validating");
}

async function formatOfFile({ files }: MapReduceDeps, file: StoredFile): Promise<ReturnType<typeof formatOf>> {
  const pieces: Uint8Array[] = [];
  const range = { start: 0, end: Math.min(BEGINNING_BYTES, file.bytes) };
  for await (const piece of files.read(file, range)) pieces.push(piece);
  return formatOf(file.filename, Buffer.concat(pieces).toString());
}

async function* heeding(content: AsyncIterable<Uint8Array>, stopping: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    if (stopping.aborted) throw new SluiceError("stopping", "the service stops", { retryable: true });
    yield piece;
  }
}

/** Makes items of the next shards; once all are there, the map begins. */
export async function listingStep(deps: MapReduceDeps, job: MapReduceJob): Promise<End> {
  const { state, tenant, spec } = job;
  const { at, line: number, item: first } = state.listing ?? { at: 0, line: 1, item: 0 };
  const file = await deps.files.find(tenant, state.shards_file_id);
  if (file === undefined) return fails(state, "shards_gone", "the file with the job's shards was removed");
  const items: JobItem[] = [];
  let next = { at, number };
  const line_bytes_max = shardLineBytesMax(spec.shard_tokens);
  const content = deps.files.read(file, { start: at, end: file.bytes });
  for await (const line of readLines(content, { line_bytes_max, from: next })) {
    const shard = readShard(line.bytes);
    const item = first + items.length;
    const request_id = jobRequestId(job.id, 0, "same_as" in shard ? shard.same_as : item);
    items.push({ wave: 0, item, custom_id: shard.name, request_id, at: line.at, bytes: line.bytes.length, tries: 1 });
    next = line.next;
    if (items.length === LISTED_ITEMS_MAX || next.at - at > LISTED_BYTES_MAX) break;
  }
  for (let from = 0; from < items.length; from += ADDED_ITEMS_MAX) {
    await deps.store.addItems(job.id, items.slice(from, from + ADDED_ITEMS_MAX));
  }
  const listed = first + items.length;
  if (listed < state.shards && items.length > 0) {
    return goesOn({ ...state, listing: { at: next.at, line: next.number, item: listed } }, 0, "validating");
  }
  const { listing: _listing, ...rest } = state;
  return goesOn({ ...rest, phase: "asking", waves: [newWave(0, state.shards)], asking: ASKING_FIRST });
}
