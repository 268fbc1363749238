/** Wires what administrators see and do of the cache, routing, jobs, dead letters, replays and deliveries. */
import { systemClock } from "../../../libs/shared/clock.ts";
import { openDeadLetters } from "../../../libs/shared/dead-letters/dead-letters.ts";
import { readControl } from "../../../libs/shared/events/control.ts";
import { readShadowEvent } from "../../../libs/shared/events/shadow-records.ts";
import { PostgresJobStore } from "../../../libs/shared/jobs/postgres-store.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import { PostgresReplayStore } from "../../../libs/shared/replay/postgres-store.ts";
import { RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import type { KeyRing } from "../keys.ts";
import type { Routes } from "../route.ts";
import { PostgresDeliveryViews } from "../webhooks/deliveries.ts";
import { adminCacheRoutes } from "./cache.ts";
import { CacheChecks } from "./cache-checks.ts";
import { cacheScan } from "./cache-scan.ts";
import { LetterRuns } from "./dead-letter-runs.ts";
import { adminDeadLetterRoutes } from "./dead-letters.ts";
import { adminDeliveryRoutes } from "./deliveries.ts";
import { readFigures } from "./figures-rows.ts";
import { FollowedTopic } from "./followed-topic.ts";
import { adminJobRoutes } from "./jobs.ts";
import { boundedReads } from "./reads.ts";
import { refreshed } from "./remembered.ts";
import { adminReplayRoutes } from "./replays.ts";
import { adminRolloutRoutes } from "./rollouts.ts";
import { adminRoutingRoutes } from "./routing.ts";

/** They sum up a day: dear, and not of now. */
const FIGURES = { keep_ms: 30_000, stale_ms: 300_000 };
const CHECKS_MS = 24 * 3_600_000;

export type AdminActs = { readonly routes: readonly Routes[]; stop(): Promise<void> };

export function adminActs(context: ServiceContext, keys: KeyRing, pool: Pool): AdminActs {
  const { kafka, codec, names, settings, producer: publisher, log } = context;
  const clock = systemClock;
  const common = { keys, clock, log };
  const reads = boundedReads(pool);
  const figures = refreshed(clock, FIGURES, () => readFigures(reads, clock.now_ms()));
  const { checks, rollouts } = followed(context);
  const letters = openDeadLetters({ kafka, codec, pool, names, settings, publisher, clock });
  const runs = new LetterRuns({ letters, clock, log });
  const scan = cacheScan({ kafka, codec, clock, topic: names.cache });
  return {
    routes: [
      adminCacheRoutes({ ...common, reads, figures, checks, scan, codec, names, publisher }),
      adminRoutingRoutes({ ...common, reads, figures, settings }),
      adminRolloutRoutes({ ...common, reads, rollouts, settings, codec, names, publisher }),
      adminJobRoutes({ ...common, reads, jobs: new PostgresJobStore(pool) }),
      adminDeadLetterRoutes({ ...common, letters, runs }),
      adminReplayRoutes({
        ...common,
        replays: new PostgresReplayStore(pool),
        names,
        settings,
        tiers: Object.keys(settings.tiers),
      }),
      adminDeliveryRoutes({ ...common, reads, deliveries: new PostgresDeliveryViews(pool) }),
    ],
    async stop() {
      await runs.stop();
      await Promise.all([checks.stop(), rollouts.stop(), letters.close()]);
    },
  };
}

/** Read while somebody looks. */
function followed({ kafka, codec, names }: ServiceContext) {
  const clock = systemClock;
  const checks = new FollowedTopic({
    ...{ kafka, clock, topic: names.shadow },
    from: () => ({ kind: "time", timestamp_ms: clock.now_ms() - CHECKS_MS }),
    empty: () => new CacheChecks(),
    async apply(state, record) {
      const read = await readShadowEvent(codec, record);
      if (read.kind === "event") state.add(read.event);
    },
  });
  const rollouts = new FollowedTopic({
    ...{ kafka, clock, topic: names.control },
    from: () => ({ kind: "beginning" }),
    empty: () => new RolloutBook(() => undefined),
    async apply(state, record) {
      const event = await readControl(codec, record);
      if (event?.kind === "rollout") state.apply(event, record.timestamp_ms);
    },
  });
  return { checks, rollouts };
}
