/** The records that a job's requests become: on the batch lane, under the job's key, always the same for the same item. Pure. */
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { JOB_HEADER, KEY_HEADER, TENANT_HEADER } from "../../../libs/shared/events/headers.ts";
import type { Request } from "../../../libs/shared/events/request.ts";
import { inLane, type TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Job } from "../../../libs/shared/jobs/job.ts";
import type { OutRecord } from "../../../libs/shared/kafka/ports.ts";

export type JobRequest = Pick<Request, "body" | "tier" | "user" | "metadata" | "limits" | "cache">;

export function jobRecord(
  deps: { readonly codec: EventCodec; readonly names: TopicNames },
  { id: job, tenant, key_id, deadline_ms }: Pick<Job, "id" | "tenant" | "key_id" | "deadline_ms">,
  request_id: string,
  asked: JobRequest,
): OutRecord {
  const topic = inLane(deps.names.requests, "batch");
  const deadline = deadline_ms === undefined ? {} : { deadline: new Date(deadline_ms).toISOString() };
  const request: Request = { id: request_id, tenant, lane: "batch", ...deadline, ...asked };
  return {
    topic,
    key: request_id,
    value: deps.codec.encode(topic, Buffer.from(JSON.stringify(request))),
    headers: {
      [TENANT_HEADER]: tenant,
      [JOB_HEADER]: job,
      ...(key_id === undefined ? {} : { [KEY_HEADER]: key_id }),
    },
  };
}
