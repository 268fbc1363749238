/** `POST /v1/requests/:id/report`: whoever was answered wrongly from the cache says so. */
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { firstProblem } from "../../libs/shared/events/validation.ts";
import { wrongHit } from "../../libs/shared/events/wrong-hits.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";
import type { Caller } from "./keys.ts";
import { errorReply } from "./replies.ts";
import { failure, send, sendProblem, sendUnknown } from "./sending.ts";

export type ReportingDeps = {
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly publisher: Publisher;
  readonly clock: Clock;
};

const reportBody = z.strictObject({ wrong_cache_hit: z.literal(true) });

const CONFLICT = 409;

/**
 * 202: the entry goes, from every router, and the tenant's threshold learns. 409 where the request has no result yet, or one that is
 * not the cache's. Safe to repeat.
 * @param view of the request, within the caller's tenant.
 */
export async function report(
  deps: ReportingDeps,
  { key_id }: Caller,
  id: string,
  body: unknown,
  view: JobView | undefined,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const parsed = reportBody.safeParse(body);
  if (!parsed.success) return sendProblem(reply, firstProblem(parsed.error));
  if (view === undefined) return sendUnknown(reply);
  if (view.result === undefined) {
    const message = "the request has no result yet that could be reported";
    return send(reply, errorReply(CONFLICT, failure("result_pending", "invalid_request_error", message)));
  }
  const hit = wrongHit(deps, JSON.parse(view.result) as Result, { at_ms: deps.clock.now_ms(), by: key_id });
  if (hit === undefined) {
    const message = "the answer did not come from the cache; there is nothing to take away";
    return send(reply, errorReply(CONFLICT, failure("not_from_cache", "invalid_request_error", message)));
  }
  await deps.publisher.publish(hit.records);
  return reply
    .code(202)
    .header("x-sluice-id", id)
    .send({ id, object: "report", cache_entry: hit.entry_id, threshold_learns: hit.teaches });
}
