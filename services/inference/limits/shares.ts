/**
 * A process's share of the provider's limits, by the partitions that it holds. Pure.
 *
 * All of a process's partitions take from one bucket whose rate is the sum of their shares: what one leaves unused is its
 * neighbours' at once. The order among those that wait is fair (`turn-queue.ts`), so none takes another's part.
 */
import type { LimitSettings } from "../../../libs/shared/config/inference.ts";
import type { TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import type { MinuteLimits } from "./pace.ts";

/**
 * From 0 to 1. A partition and its `.batch` twin are held together, so those of the interactive topic are counted, and each
 * partition belongs to exactly one process: the shares of all processes never add up to more than 1.
 * @param held everything that is held; other topics are left out.
 * @param partition_count of `topic`.
 */
export function shareOf(held: readonly TopicPartition[], topic: string, partition_count: number): number {
  const mine = new Set<number>();
  for (const { topic: name, partition } of held) {
    if (name === topic && partition < partition_count) mine.add(partition);
  }
  return partition_count <= 0 ? 0 : mine.size / partition_count;
}

/** The minute's limits of a process with this share. */
export function limitsOf(settings: LimitSettings, share: number): MinuteLimits {
  const part = (limit: number | undefined): number | undefined => (limit === undefined ? undefined : limit * share);
  return { requests: part(settings.requests_per_minute), tokens: part(settings.tokens_per_minute) };
}
