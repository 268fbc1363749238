/** `POST /v1/requests/:id/appeal`: the answer was not good enough; the next stronger tier is asked. */
import type { FastifyReply } from "fastify";
import type { Appeal } from "../../libs/shared/appeals/appeals.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";
import type { Caller } from "./keys.ts";
import { errorReply } from "./replies.ts";
import { failure, placesOf, RETRY_AFTER, send, sendUnknown } from "./sending.ts";
import { requestRecord } from "./submit.ts";

export type AppealingDeps = {
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly views: { queued(tenant: string, id: string, now_ms: number): Promise<void> };
  readonly appealOf: (tenant: string, id: string) => Promise<Appeal>;
  /** Of a request of the caller's, as anyone may look at it. */
  readonly view: (id: string) => Promise<JobView | undefined>;
};

/** Each reads a record of its own from Kafka, with a consumer: more at once would be felt by others. */
const AT_ONCE_MAX = 4;

/** Bounds the appeals that are being made in this process. */
export class Appealing {
  #under_way = 0;

  /** 202 with the new request; 404, 409 and 410 where there is nothing to appeal against or nowhere to go. Safe to repeat. */
  async appeal(
    deps: AppealingDeps,
    { tenant, key_id }: Caller,
    id: string,
    trace: Readonly<Record<string, string>>,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    if (this.#under_way >= AT_ONCE_MAX) {
      const error = failure("overloaded", "api_error", "too many appeals are being made here; try again soon");
      return send(reply, errorReply(503, error, RETRY_AFTER));
    }
    this.#under_way += 1;
    try {
      const appeal = await deps.appealOf(tenant, id);
      if (appeal.kind === "unknown") return sendPendingOrUnknown(await deps.view(id), reply);
      if (appeal.kind === "refused") {
        return send(reply, errorReply(appeal.status, failure(appeal.code, "invalid_request_error", appeal.message)));
      }
      const { request } = appeal;
      // Made before: the same request. Sent again under other settings it would be another one of the same id.
      const before = await deps.view(request.id);
      if (before === undefined) {
        await deps.publisher.publish([
          requestRecord(deps, request, { reply_to: undefined, key_id, followed: true, trace }),
        ]);
        // Only a view: if Redis is away now, ingest and results will still make it.
        await deps.views.queued(tenant, request.id, deps.clock.now_ms()).catch(() => undefined);
      }
      const places = placesOf(request.id);
      const body = { id: request.id, object: "request", status: before?.status ?? "queued", ...places };
      return reply
        .code(202)
        .header("x-sluice-id", request.id)
        .header("location", places.url)
        .send({ ...body, appeal_of: id, tier: appeal.tier });
    } finally {
      this.#under_way -= 1;
    }
  }
}

function sendPendingOrUnknown(view: JobView | undefined, reply: FastifyReply): FastifyReply {
  if (view === undefined) return sendUnknown(reply);
  const message = "the request has no result yet that could be appealed against";
  return send(reply, errorReply(409, failure("result_pending", "invalid_request_error", message)));
}
