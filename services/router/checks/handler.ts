/** Compares what was run in the background with what was answered: `run` in, `comparison` out, both on `llm.shadow`. */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../../libs/shared/events/dead-letters.ts";
import { traceHeaders } from "../../../libs/shared/events/headers.ts";
import type { ShadowComparison, ShadowRun, ShadowSide } from "../../../libs/shared/events/shadow.ts";
import { readShadowEvent, shadowEventRecord } from "../../../libs/shared/events/shadow-records.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Handler } from "../../../libs/shared/kafka/handler.ts";
import type { InRecord, OutRecord, Publisher } from "../../../libs/shared/kafka/ports.ts";
import { compared, type Refuses } from "./compare.ts";
import { similaritiesOf, type Texts } from "./similarities.ts";

/** What became of a run: compared, or why it could not be. */
export type RunEnd = "same" | "different" | "not_succeeded" | "original_unknown";

export type ComparingDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly clock: Clock;
  /** Undefined: answers are compared by their words alone, which takes good paraphrases for differences. */
  readonly embedder: Pick<Embedder, "embed"> | undefined;
  readonly refuses: Refuses;
  /** `cache.semantic.checks.similarity_min`. */
  readonly similarity_min: number;
  /** Told of each run, for metrics. */
  readonly ended: (run: ShadowRun, end: RunEnd) => void;
};

type Pair = Texts & { readonly record: InRecord; readonly run: ShadowRun; readonly original: ShadowSide };

export function createComparingHandler(deps: ComparingDeps): Handler {
  return async (records) => {
    const out: OutRecord[] = [];
    const pairs: Pair[] = [];
    for (const record of records) {
      const read = await readShadowEvent(deps.codec, record);
      if (read.kind === "unreadable") out.push(deadLetter(deps.dead_letters, record, read.code, read.message));
      if (read.kind !== "event" || read.event.kind !== "run") continue;
      const pair = pairOf(record, read.event);
      if (typeof pair === "string") deps.ended(read.event, pair);
      else pairs.push(pair);
    }
    const similarities = await similaritiesOf(deps.embedder, pairs);
    const comparisons = pairs.map((pair, index) => comparisonOf(deps, pair, similarities[index]));
    out.push(...comparisons.map((one, index) => comparisonRecord(deps, pairs[index]?.record, one)));
    await deps.publisher.publish(out);
    for (const [index, { run }] of pairs.entries()) deps.ended(run, comparisons[index]?.same ? "same" : "different");
  };
}

function pairOf(record: InRecord, run: ShadowRun): Pair | RunEnd {
  const { original } = run;
  if (run.status !== "succeeded" || run.run.text === undefined) return "not_succeeded";
  if (original?.text === undefined) return "original_unknown";
  return { record, run, original, left: original.text, right: run.run.text };
}

function comparisonOf(
  { refuses, similarity_min, clock }: ComparingDeps,
  { run, original, left, right }: Pair,
  similarity: number | undefined,
): ShadowComparison {
  return {
    kind: "comparison",
    shadow: run.shadow,
    at_ms: Math.round(clock.now_ms()),
    original,
    run: run.run,
    ...compared(left, right, similarity, similarity_min, refuses),
  };
}

function comparisonRecord(deps: ComparingDeps, record: InRecord | undefined, comparison: ShadowComparison): OutRecord {
  return shadowEventRecord(deps, comparison, traceHeaders(record?.headers ?? {}));
}
