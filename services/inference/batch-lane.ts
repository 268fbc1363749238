/** Wires the batch lane of a tier to a provider's Batch API. */
import { systemClock } from "../../libs/shared/clock.ts";
import type { TierSettings } from "../../libs/shared/config/schema.ts";
import type { BatchPlace } from "../../libs/shared/redis/attempt-entry.ts";
import type { AttemptsEnd, Work } from "./attempts.ts";
import { HttpBatchProvider } from "./batch-api/http-provider.ts";
import { BatchApiRunner } from "./batch-api/runner.ts";
import { BatchedJobs } from "./batched.ts";
import type { EndpointAddress } from "./endpoint-clients.ts";
import { Places } from "./limits/places.ts";
import type { Shaper } from "./shaping.ts";
import type { ServedTierParts } from "./tier-parts.ts";

type Direct = () => Promise<AttemptsEnd>;

export type BatchLane = {
  /** Jobs of the batch lane in hand at once. */
  readonly in_flight_max: number;
  /** By the provider's Batch API where the job is for it, else (or when that gives no answer) directly. */
  attempt(work: Work, place: BatchPlace | undefined, direct: Direct): Promise<AttemptsEnd>;
  stop(): Promise<void>;
};

/** Batches of this process at the provider at once. */
const BATCHES_MAX = 64;
/** Jobs of the batch lane in hand at once: they fill the batches that gather and wait in those that run. */
const BATCH_MEMBERS_MAX = 20_000;

/** The batch lane through the Batch API of the tier's first endpoint: a batch belongs to one provider's account. */
export function createBatchLane(
  { context, prices, metrics }: ServedTierParts,
  tier: string,
  options: TierSettings,
  endpoints: readonly EndpointAddress[],
  shaper: Shaper,
): BatchLane {
  const { log, instance, settings } = context;
  const { base_url, keys } = endpoints[0] as EndpointAddress;
  const { batch_api, in_flight_max } = options;
  const provider = new HttpBatchProvider({
    base_url,
    api_key: keys[0],
    timeout_ms: 30_000,
    transfer_timeout_ms: 300_000,
    file_bytes_max: 4 * batch_api.bytes_max,
  });
  const runner = new BatchApiRunner({
    provider,
    settings: batch_api,
    clock: systemClock,
    random: Math.random,
    log,
    batches_max: BATCHES_MAX,
    members_max: BATCH_MEMBERS_MAX,
    metadata: { sluice_tier: tier, sluice_worker: instance },
    onSubmitted: (...batch) => jobs.submitted(...batch),
  });
  const jobs = new BatchedJobs({
    submit: (member) => runner.submit(member),
    clock: systemClock,
    random: Math.random,
    prices,
    margin_ms: batch_api.deadline_margin_minutes * 60_000,
    retry: settings.inference.retry,
    shaper,
    ended: (outcome) => metrics.batchApiEnded(tier, outcome),
  });
  // Of the thousands that wait for batches only so many are called directly at once, or nobody else would get a turn.
  const places = new Places(in_flight_max);
  metrics.observeBatchApi(tier, () => runner.open);
  return {
    in_flight_max: Math.min(2 * batch_api.size_max, BATCH_MEMBERS_MAX),
    async attempt(work, place, direct) {
      const ended = await jobs.run(work, place);
      if (ended !== undefined) return ended;
      return work.job.lane === "batch" ? places.run(direct) : direct();
    },
    async stop() {
      await runner.stop();
      await provider.close();
    },
  };
}
