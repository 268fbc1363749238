/** The record of the next hop: the same request under the same key, for the tier that an answer leads to. Pure. */
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { JobHead, Onward } from "../../libs/shared/events/flow.ts";
import { ATTEMPTS_HEADER, travellingHeaders } from "../../libs/shared/events/headers.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { inLane, type TopicNames } from "../../libs/shared/events/topics.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import type { Answer } from "../../libs/shared/redis/attempt-entry.ts";

export function nextJobRecord(
  { codec, names }: { readonly codec: EventCodec; readonly names: TopicNames },
  { record, job, request }: { readonly record: InRecord; readonly job: JobHead; readonly request: Buffer },
  { ending, response }: Answer,
  { draft, ...onward }: Onward,
): OutRecord {
  const { completed: _completed, ...timing } = ending.timing;
  const next: JobHead = {
    ...job,
    ...onward,
    timing,
    ...(ending.usage === undefined ? {} : { spent: ending.usage }),
    ...(ending.trace === undefined ? {} : { trace: ending.trace }),
    draft: { ...draft, response: response?.toString() ?? "" },
  };
  const topic = inLane(names.jobs(onward.route.tier), job.lane);
  const { json, carried_at } = splice(next, "request", request);
  const { [ATTEMPTS_HEADER]: _, ...travelling } = travellingHeaders(record.headers);
  const headers = { ...travelling, [CARRIED_AT_HEADER]: String(carried_at) };
  return { topic, key: record.key, value: codec.encode(topic, ...json), headers };
}
