/**
 * Checks a run against what stands on `llm.results`: reads the Results of its requests again, without the run's histograms, and compares exact
 * percentiles with the reported ones.
 */
import { SluiceError } from "../../libs/shared/errors.ts";
import { RangeReader } from "../../libs/shared/kafka/range-reader.ts";
import type { CliContext } from "../context.ts";
import { DUE_LABEL } from "./body.ts";
import type { Percentiles } from "./figures.ts";
import type { RunRecord } from "./record.ts";
import { pipelineTimes, resultOf } from "./topic-door.ts";
import { type Found, type Verdict, verdictOf } from "./verdict.ts";

/** Results may be written a little later than the run has heard of them, by clocks that differ. */
const SLACK_MS = 60_000;
/** In memory: 8 bytes a latency, and the ids. */
const RESULTS_MAX = 20_000_000;

/** @throws `usage` for a run without the topic door. */
export async function verifyRun(
  context: CliContext,
  record: RunRecord,
  progress: (read: number) => void,
): Promise<Verdict> {
  const { counts } = record.recorded;
  if (counts.topic_sent === 0) {
    throw new SluiceError("usage", `${record.run} sent nothing by the topic, so its ids are not known`, {
      fix: "Verify a run with a template of `door: topic`.",
    });
  }
  const found = await find(context, record, progress);
  return verdictOf(record, found);
}

async function find(
  { kafka, names }: CliContext,
  { run, started_ms }: RunRecord,
  progress: (read: number) => void,
): Promise<Found> {
  const reader = new RangeReader(kafka);
  const seen = new Set<string>();
  const pipeline_ms: number[] = [];
  const published_ms: number[] = [];
  let twice = 0;
  let read = 0;
  try {
    const [bounds, at] = await Promise.all([
      reader.bounds(names.results),
      reader.at(names.results, started_ms - SLACK_MS),
    ]);
    for (const [partition, { low, end }] of bounds) {
      const from = Math.max(low, at.get(partition) ?? end);
      for await (const records of reader.read({ topic: names.results, partition, from, to: end })) {
        read += records.length;
        progress(read);
        for (const record of records) {
          if (!record.key?.toString().startsWith(`${run}-`)) continue;
          const result = resultOf(record);
          if (result === undefined) continue;
          if (seen.has(result.id)) {
            twice += 1;
            continue;
          }
          if (seen.size >= RESULTS_MAX) throw new SluiceError("usage", `${run} has more than ${RESULTS_MAX} results`);
          seen.add(result.id);
          const times = pipelineTimes(result);
          if (times === undefined) continue;
          pipeline_ms.push(times.whole_ms);
          published_ms.push(record.timestamp_ms - Number(result.metadata?.[DUE_LABEL]));
        }
      }
    }
  } finally {
    await reader.close();
  }
  return { results: seen.size, twice, pipeline: exact(pipeline_ms), published: exact(published_ms) };
}

/** By nearest rank; undefined for nothing. */
function exact(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { count: sorted.length, mean, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
