/** Wires the checks: runs are compared by one of the routers each, and every router follows what came of it. */
import { systemClock } from "../../../libs/shared/clock.ts";
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import type { Consumption } from "../../../libs/shared/kafka/consumption.ts";
import { untilAvailable } from "../../../libs/shared/retry.ts";
import { deadLetterWriter, joinGroup, type ServiceContext } from "../../../libs/shared/service.ts";
import { forAnswers, type Refuses } from "./compare.ts";
import { createComparingHandler } from "./handler.ts";
import { observeComparisons, observeThresholds } from "./metrics.ts";
import { checksReader } from "./reader.ts";
import { Thresholds } from "./thresholds.ts";

export type ChecksOptions = {
  /** Undefined: answers are compared by their words alone. */
  readonly embedder: Embedder | undefined;
  /** The guard between questions. */
  readonly refuses: Refuses;
  /** What the verifier's calibration says for `max_error`. */
  readonly base: number | undefined;
};

export type ChecksParts = {
  readonly thresholds: Thresholds;
  readonly group: string;
  readonly consumption: Consumption;
  /** What keeps the service from being ready, in words. */
  problems(): string[];
  stop(): Promise<void>;
};

export async function startChecks(
  context: ServiceContext,
  { embedder, refuses, base }: ChecksOptions,
): Promise<ChecksParts> {
  const { settings, kafka, codec, names, producer, retry, metrics, log } = context;
  const { semantic } = settings.cache;
  const thresholds = new Thresholds({ base, settings: semantic, clock: systemClock });
  const reader = checksReader({ kafka, codec, topic: names.shadow, retry }, thresholds);
  await untilAvailable(retry, names.shadow, () => reader.start());
  observeThresholds(metrics, thresholds);
  if (embedder === undefined) log.warn({}, "without embeddings, shadows' answers are compared by their words alone");
  const group = `${settings.consumption.group_prefix}router.shadow`;
  const consumption = await joinGroup(context, {
    group,
    topics: { [names.shadow]: "batch" },
    order: "partition",
    commit_by: "engine",
    max_in_flight: settings.topics.partitions,
    batch_records_max: settings.consumption.batch_records_max,
    handler: createComparingHandler({
      codec,
      publisher: producer,
      names,
      dead_letters: deadLetterWriter(context, group),
      clock: systemClock,
      embedder,
      refuses: forAnswers(refuses),
      similarity_min: semantic.checks.similarity_min,
      ended: observeComparisons(metrics),
    }),
  });
  return {
    thresholds,
    group,
    consumption,
    problems: () => [
      ...(consumption.joined ? [] : ["not yet a member of its group for shadows"]),
      ...(reader.caught_up ? [] : ["the checks of the cache are not read yet"]),
    ],
    async stop() {
      await consumption.drain(settings.consumption.drain_deadline_ms);
      await reader.stop();
    },
  };
}
