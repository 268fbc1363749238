/** Wires the jobs: batches and map-reduce, driven by whichever results process leases them. */
import { systemClock } from "../../../libs/shared/clock.ts";
import { loadEncodings } from "../../../libs/shared/estimate/encodings.ts";
import type { Files } from "../../../libs/shared/files/file.ts";
import type { JobDriver } from "../../../libs/shared/jobs/job.ts";
import { PostgresJobLeases } from "../../../libs/shared/jobs/postgres-leases.ts";
import { PostgresJobStore } from "../../../libs/shared/jobs/postgres-store.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import type { RequestStates } from "../../../libs/shared/redis/request-states.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import type { WebhookOutbox } from "../../../libs/shared/webhooks/event.ts";
import { batchDriver } from "../batches/driver.ts";
import { boundBy } from "../map-reduce/bounds.ts";
import { MapReduceDriver } from "../map-reduce/driver.ts";
import { jobMetrics } from "./metrics.ts";
import { JobRunner } from "./runner.ts";

export type JobParts = {
  readonly pool: Pool;
  readonly files: Files;
  readonly states: RequestStates;
  readonly outbox: WebhookOutbox;
};

export function startJobs(context: ServiceContext, { pool, files, states, outbox }: JobParts): JobRunner {
  const { settings, names, codec, producer, metrics, log } = context;
  const store = new PostgresJobStore(pool);
  const common = { store, files, publisher: producer, codec, names, settings: settings.jobs, clock: systemClock };
  const observed = jobMetrics(metrics);
  const runner = new JobRunner({
    leases: new PostgresJobLeases(pool),
    drivers: {
      batch: batchDriver(common) as JobDriver,
      map_reduce: mapReduceDriver(context, { ...common, store }) as JobDriver,
    },
    states,
    outbox,
    settings: settings.jobs,
    clock: systemClock,
    random: Math.random,
    log,
    observe: observed.observe,
  });
  observed.watch(runner);
  runner.start();
  return runner;
}

type Common = Omit<ConstructorParameters<typeof MapReduceDriver>[0], "bound">;

/** Made for the first map-reduce: its estimates need tables of some 20 to 70 MB. */
function mapReduceDriver({ settings }: ServiceContext, common: Common): Pick<JobDriver, "step"> {
  let driver: Promise<MapReduceDriver> | undefined;
  return {
    async step(...[job, stopping]) {
      driver ??= loadEncodings(settings.prices.models).then(
        (encodings) => new MapReduceDriver({ ...common, bound: boundBy(settings, encodings) }),
      );
      return (await driver).step(job as Parameters<MapReduceDriver["step"]>[0], stopping);
    },
  };
}
