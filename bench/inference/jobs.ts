/** Records for `llm.jobs.<tier>`, as the router writes them: inference is measured without what stands before it. Pure. */
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import { TENANT_HEADER } from "../../libs/shared/events/headers.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";

export type JobSpec = {
  readonly id: string;
  /** Its only model has the same name. */
  readonly tier: string;
  readonly kind: "chat" | "embeddings";
  /** The provider's request. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Keeps its order with others of the same session. */
  readonly session?: string;
};

const TENANT = "demo";

export function jobRecord(codec: EventCodec, names: TopicNames, spec: JobSpec, now_ms: number): OutRecord {
  const { id, tier, kind, body, session } = spec;
  const own = { id, tenant: TENANT, ...(session === undefined ? {} : { session }) };
  const head: JobHead = {
    ...own,
    content_hash: id,
    kind,
    lane: "interactive",
    timing: { received: now_ms, admitted: now_ms, routed: now_ms },
    route: { tier, model: tier, reason: "benchmark", cache: "miss", attempts: 0 },
  };
  const topic = names.jobs(tier);
  const { json, carried_at } = splice(head, "request", Buffer.from(JSON.stringify({ ...own, body })));
  const headers = { [TENANT_HEADER]: TENANT, [CARRIED_AT_HEADER]: String(carried_at) };
  return { topic, key: session ?? id, value: codec.encode(topic, ...json), headers };
}

/** One user message; every call's is another one. */
export function chatBody(id: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { messages: [{ role: "user", content: `Request ${id}: what is a partition of a topic?` }], ...more };
}
