/** Reads what items are made of, and makes their requests: shards out of their file, answers out of the results. */
import type { Files, StoredFile } from "../../../libs/shared/files/file.ts";
import type { Job, JobItem, JobStore } from "../../../libs/shared/jobs/job.ts";
import type { MapReduceSpec, MapReduceState } from "../../../libs/shared/map-reduce/job.ts";
import type { JobRequest } from "../jobs/records.ts";
import { readAnswer } from "./answers.ts";
import { mapRequest, reduceRequest } from "./asked.ts";
import { readShard } from "./shards.ts";

export type ContentDeps = { readonly store: Pick<JobStore, "items" | "results">; readonly files: Files };
export type MapReduceJob = Job<MapReduceSpec, MapReduceState>;

/** Neighbours in the file, or in the wave, are read together over gaps of so much. */
const GAP_BYTES_MAX = 64 * 1024;
const RUN_BYTES_MAX = 8 * 1024 * 1024;
const GAP_ITEMS_MAX = 20;

/** The file with the shards is gone: somebody removed it. */
export class ShardsGone extends Error {
  override readonly name = "ShardsGone";
}

/** The rows of these items, which are in order. */
export async function itemsOf(
  { store }: ContentDeps,
  job: string,
  wave: number,
  numbers: readonly number[],
): Promise<readonly JobItem[]> {
  const found: JobItem[] = [];
  for (const run of runsOf(numbers, (one) => [one, one + 1], GAP_ITEMS_MAX, Number.POSITIVE_INFINITY)) {
    const from = run[0] as number;
    const wanted = new Set(run);
    const rows = await store.items(job, wave, from, (run.at(-1) as number) - from + 1);
    found.push(...rows.filter(({ item }) => wanted.has(item)));
  }
  return found;
}

/** The items' requests, in their order. @throws ShardsGone. */
export async function requestsOf(
  deps: ContentDeps,
  job: MapReduceJob,
  items: readonly JobItem[],
): Promise<readonly JobRequest[]> {
  const current = job.state.waves.at(-1);
  const before = job.state.waves.at(-2);
  if (current === undefined) return [];
  if (before === undefined) return mapRequests(deps, job, items);
  const requests: JobRequest[] = [];
  for (const item of items) {
    // Of a reduce's item: the first answer that it reads, and how many in a row.
    const rows = await deps.store.results(job, before.wave, item.at, item.bytes, "result");
    const texts = rows.flatMap(({ status, result }) => (status === "succeeded" ? [readAnswer(result).text] : []));
    const answers = texts.filter((text) => text !== "");
    requests.push(reduceRequest(job.id, job.spec, item, answers));
  }
  return requests;
}

async function mapRequests(
  { files }: ContentDeps,
  job: MapReduceJob,
  items: readonly JobItem[],
): Promise<readonly JobRequest[]> {
  const file = await files.find(job.tenant, job.state.shards_file_id);
  if (file === undefined) throw new ShardsGone();
  const requests: JobRequest[] = [];
  for (const run of runsOf(items, ({ at, bytes }) => [at, at + bytes], GAP_BYTES_MAX, RUN_BYTES_MAX)) {
    const start = run[0]?.at ?? 0;
    const last = run.at(-1);
    const bytes = await bytesOf(files, file, start, last === undefined ? start : last.at + last.bytes);
    for (const { item, at, bytes: length } of run) {
      const shard = readShard(bytes.subarray(at - start, at - start + length));
      if (!("text" in shard)) throw new Error(`item ${item} of ${job.id} has no text of its own`);
      requests.push(mapRequest(job.id, job.spec, item, shard.text));
    }
  }
  return requests;
}

async function bytesOf(files: Files, file: StoredFile, start: number, end: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of files.read(file, { start, end })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Things in order, those near each other together. */
function runsOf<T>(
  things: readonly T[],
  placeOf: (thing: T) => readonly [start: number, end: number],
  gap_max: number,
  length_max: number,
): readonly (readonly T[])[] {
  const runs: T[][] = [];
  let begun = 0;
  let ended = Number.NEGATIVE_INFINITY;
  for (const thing of things) {
    const [start, end] = placeOf(thing);
    const near = start >= ended && start - ended <= gap_max && end - begun <= length_max;
    if (near) runs.at(-1)?.push(thing);
    else {
      runs.push([thing]);
      begun = start;
    }
    ended = end;
  }
  return runs;
}
