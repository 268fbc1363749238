/** What the routes about requests share: to put one on its topic once, and to say what has become of it. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { ID_PATTERN } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { Request } from "../../libs/shared/events/request.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import type { Log } from "../../libs/shared/log.ts";
import type { IdempotencyStore } from "../../libs/shared/redis/idempotency-store.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";
import { type Keyed, keyed } from "./idempotency.ts";
import type { KeyRing } from "./keys.ts";
import { type Envelope, requestRecord } from "./submit.ts";
import type { WaitingCallers } from "./waiting.ts";

export type RequestDeps = {
  readonly instance: string;
  readonly settings: Settings["gateway"];
  readonly names: TopicNames;
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly keys: KeyRing;
  readonly waiting: WaitingCallers;
  readonly views: {
    queued(tenant: string, id: string, now_ms: number): Promise<void>;
    read(tenant: string, id: string): Promise<JobView | undefined>;
  };
  readonly idempotency: IdempotencyStore;
  /** Whether Redis is there, by which results reach those who wait. */
  readonly redisReady: () => boolean;
  /** The lasting row: the Result as JSON text. */
  readonly findResult: (tenant: string, id: string) => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Log;
};

/** What its idempotency key says of a request. */
export function byKey(deps: RequestDeps, request: Request, has_own_id: boolean): Promise<Keyed> {
  const { idempotency } = deps;
  return keyed({ idempotency, view: (tenant, id) => readView(deps, tenant, id) }, request, has_own_id);
}

/** Writes it to its topic, unless that was done for certain. */
export async function produce(
  deps: RequestDeps,
  found: Extract<Keyed, { kind: "first" | "in_flight" }>,
  envelope: Envelope,
): Promise<void> {
  if (found.kind === "in_flight" && found.produced) return;
  await deps.publisher.publish([requestRecord(deps, found.request, envelope)]);
}

/** The quick view first; the row for what is older than the view, or while Redis is away. */
export async function readView(deps: RequestDeps, tenant: string, id: string): Promise<JobView | undefined> {
  if (!ID_PATTERN.test(id)) return undefined;
  const view = await deps.views.read(tenant, id).catch((error: unknown) => {
    deps.log.debug({ error }, "the job view cannot be read; asking Postgres");
    return undefined;
  });
  if (view?.result !== undefined) return view;
  const result = await deps.findResult(tenant, id);
  if (result === undefined) return view;
  const { status, timing } = JSON.parse(result) as Result;
  return { status, updated_ms: timing.completed ?? 0, result };
}
