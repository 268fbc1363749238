/** What the tiers of one process share. */
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { PriceList } from "../../libs/shared/prices.ts";
import type { RedisClient } from "../../libs/shared/redis/client.ts";
import type { Tell } from "../../libs/shared/redis/request-events.ts";
import type { ServiceContext } from "../../libs/shared/service.ts";
import type { EndpointClients } from "./endpoint-clients.ts";
import type { AttemptLedger } from "./ledger/ledger.ts";
import type { InferenceMetrics } from "./metrics.ts";
import type { Cancellations } from "./streaming/cancellations.ts";
import type { RedisTokenStreams } from "./streaming/token-stream.ts";

/** What a tier is made from, wherever its handler is called. */
export type TierParts = {
  readonly context: Pick<ServiceContext, "name" | "settings" | "names" | "log" | "tracing"> & {
    readonly codec: EventCodec;
  };
  readonly redis: RedisClient;
  readonly clients: EndpointClients;
  readonly prices: PriceList;
  readonly ledger: AttemptLedger;
  /** Left out: nobody cancels. */
  readonly cancellations?: Cancellations;
  /** Left out: nobody follows the tokens. */
  readonly streams?: RedisTokenStreams;
  /** Left out: nobody is told of what happens to a request. */
  readonly tell?: Tell;
  readonly metrics?: InferenceMetrics;
};

/** Of a service that serves tiers. */
export type ServedTierParts = TierParts & {
  readonly context: ServiceContext;
  readonly metrics: InferenceMetrics;
};
