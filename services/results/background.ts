/** Wires what the results service does beside results: jobs, webhooks, the sweeping of files, the days that are kept. */
import { systemClock } from "../../libs/shared/clock.ts";
import { openFileStorage } from "../../libs/shared/files/open.ts";
import { PostgresFiles } from "../../libs/shared/files/postgres-files.ts";
import { startSweeping } from "../../libs/shared/files/sweeping.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import type { RequestStates } from "../../libs/shared/redis/request-states.ts";
import type { ServiceContext } from "../../libs/shared/service.ts";
import type { WebhookOutbox } from "../../libs/shared/webhooks/event.ts";
import { forgetLetterRows, letterRowsKeep_ms } from "./dead-letter-rows.ts";
import { startJobs } from "./jobs/parts.ts";
import { keepDays } from "./retention.ts";
import { startRetention } from "./retention-loop.ts";
import { startWebhooks } from "./webhooks/parts.ts";

export type Background = {
  readonly outbox: WebhookOutbox;
  readonly wakeJobs: (jobs: Iterable<string>) => void;
  stop(): Promise<void>;
};

/** For deliveries, files and retention, beside one for each job. */
const CONNECTIONS = 4;
/** Claims, or rows of dead letters, deleted by one statement. */
const PAGE = 1_000;

export async function startBackground(context: ServiceContext, states: RequestStates): Promise<Background> {
  const { settings, environment, instance, log } = context;
  const clock = systemClock;
  // Claims have connections of their own: nothing here keeps a result waiting.
  const connections_max = settings.jobs.running_max + CONNECTIONS;
  const pool = connectPostgres(environment.database_url, `${instance}-background`, connections_max, log);
  const storage = await openFileStorage(environment.files_url);
  const files = new PostgresFiles({ pool, storage, settings: settings.files, clock });
  const webhooks = startWebhooks(context, pool);
  const runner = startJobs(context, { pool, files, states, outbox: webhooks.outbox });
  const sweeping = startSweeping({ files, clock, log });
  const { keep_days } = settings.results;
  const letters_keep_ms = letterRowsKeep_ms(settings);
  const retention = startRetention({
    async keep(stopping) {
      if (letters_keep_ms !== undefined) await forgetLetterRows(pool, letters_keep_ms, PAGE, stopping);
      return keepDays(pool, { keep_days, page: PAGE }, stopping);
    },
    clock,
    log,
  });
  return {
    outbox: webhooks.outbox,
    wakeJobs: (jobs) => runner.wake(jobs),
    async stop() {
      const { drain_deadline_ms } = settings.consumption;
      await Promise.all([runner.drain(drain_deadline_ms), webhooks.stop(), sweeping.stop(), retention.stop()]);
      await pool.end();
    },
  };
}
