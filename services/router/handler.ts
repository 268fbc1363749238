/** The router: admitted requests in, jobs for a tier (or refusals) out. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import { type AdmittedHead, admittedHead, type JobHead } from "../../libs/shared/events/flow.ts";
import { travellingHeaders } from "../../libs/shared/events/headers.ts";
import { type Hop, readHop } from "../../libs/shared/events/hop.ts";
import { outcomeRecord } from "../../libs/shared/events/outcomes.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { inLane, type TopicNames } from "../../libs/shared/events/topics.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { chooseRoute, type RoutingTable } from "./route.ts";

export type RouterDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly table: RoutingTable;
};

export function createRouterHandler(deps: RouterDeps): Handler {
  return async (records) => {
    const hops = await Promise.all(records.map((record) => readHop(deps.codec, record, "request", admittedHead.parse)));
    await deps.publisher.publish(hops.map((hop) => consequence(deps, hop)));
  };
}

function consequence(deps: RouterDeps, hop: Hop<AdmittedHead>): OutRecord {
  if (!hop.ok) return deadLetter(deps.dead_letters, hop.record, hop.code, hop.message);
  const { head, record, carried } = hop;
  if (carried === undefined) {
    return deadLetter(deps.dead_letters, record, "event_invalid", "the admitted event carries no request");
  }
  const routing = chooseRoute(head, deps.table);
  const routed = deps.clock.now_ms();
  if (routing.kind === "refused") {
    const timing = { ...head.timing, routed, completed: routed };
    return outcomeRecord(deps, record, head, { status: "rejected", error: routing.error, timing });
  }
  const job: JobHead = { ...head, route: routing.route, timing: { ...head.timing, routed } };
  const topic = inLane(deps.names.jobs(routing.route.tier), head.lane);
  const { json, carried_at } = splice(job, "request", carried);
  const headers = { ...travellingHeaders(record.headers), [CARRIED_AT_HEADER]: String(carried_at) };
  return { topic, key: record.key, value: deps.codec.encode(topic, ...json), headers };
}
