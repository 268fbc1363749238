/** What the tiers of one process share. */
import type { Redis } from "ioredis";
import type { PriceList } from "../../libs/shared/prices.ts";
import type { Tell } from "../../libs/shared/redis/request-events.ts";
import type { ServiceContext } from "../../libs/shared/service.ts";
import type { EndpointClients } from "./endpoint-clients.ts";
import type { AttemptLedger } from "./ledger/ledger.ts";
import type { InferenceMetrics } from "./metrics.ts";
import type { Cancellations } from "./streaming/cancellations.ts";
import type { RedisTokenStreams } from "./streaming/token-stream.ts";

export type TierParts = {
  readonly context: ServiceContext;
  readonly redis: Redis;
  readonly clients: EndpointClients;
  readonly prices: PriceList;
  readonly ledger: AttemptLedger;
  readonly cancellations: Cancellations;
  readonly streams: RedisTokenStreams;
  readonly tell: Tell;
  readonly metrics: InferenceMetrics;
};
