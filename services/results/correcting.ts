/** Makes corrections: the row, the job view, and the record for the replay's topic. Each step may be repeated. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { ResultStatus } from "../../libs/shared/events/fields.ts";
import { travellingHeaders } from "../../libs/shared/events/headers.ts";
import { isInternalTenant } from "../../libs/shared/events/shadow.ts";
import { CARRIED_AT_HEADER } from "../../libs/shared/events/splice.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import type { FinishedJob, JobViewWriter } from "../../libs/shared/redis/job-views.ts";
import type { CorrectionStore, HasTopic } from "./correction-store.ts";
import type { Corrected, Correction } from "./corrections.ts";
import type { BuiltResult } from "./result.ts";

export type Corrections = {
  readonly store: CorrectionStore;
  readonly hasTopic: HasTopic;
  /** How long claims are kept. An older outcome that is sent again may be that of a request which nobody remembers: it is passed over. */
  readonly claims_keep_ms: number;
};

export type CorrectingDeps = {
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly views: JobViewWriter;
  readonly corrections: Corrections;
};

export type ToCorrect = { readonly record: InRecord; readonly corrected: Corrected };

/** @returns by outcome, what goes to the replay's topic in its transaction; nothing where that topic is not there: the row has it. */
export async function correct(
  deps: CorrectingDeps,
  given: readonly ToCorrect[],
): Promise<ReadonlyMap<InRecord, OutRecord>> {
  const corrections = given.flatMap(({ corrected }) => corrected.correction ?? []);
  const { store, hasTopic } = deps.corrections;
  const made = corrections.length === 0 ? [] : await store.correct(corrections);
  const views = corrections.filter((_, index) => made[index]).flatMap(viewOf);
  if (views.length > 0) await deps.views.finish(views, deps.clock.now_ms());
  const records = new Map<InRecord, OutRecord>();
  for (const { record, corrected } of given) {
    if (!(await hasTopic(corrected.replay))) continue;
    records.set(record, resultRecord(deps, deps.names.replay(corrected.replay), record, corrected.result));
  }
  return records;
}

/** Nobody waits for it any more. */
function viewOf({ tenant, id, row }: Correction): FinishedJob[] {
  if (isInternalTenant(tenant)) return [];
  return [{ tenant, id, status: row.status as ResultStatus, result: Buffer.from(row.result), reply_to: undefined }];
}

/** A Result, for `llm.results` or a replay's topic: both have the same schema. */
export function resultRecord(
  { codec, names }: Pick<CorrectingDeps, "codec" | "names">,
  topic: string,
  { key, headers }: InRecord,
  { json, carried_at }: BuiltResult,
): OutRecord {
  const carried = carried_at === undefined ? {} : { [CARRIED_AT_HEADER]: String(carried_at) };
  const value = codec.encode(names.results, json);
  return { topic, key, value, headers: { ...travellingHeaders(headers), ...carried } };
}
