/** Wires the scaler: how many replicas each service should have, on /metrics and /desired. It starts and stops nothing itself. */
import { systemClock } from "../../libs/shared/clock.ts";
import { readBacklog } from "../../libs/shared/kafka/backlog.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import { migrate } from "../../libs/shared/postgres/migrations.ts";
import { RedisBeatStore } from "../../libs/shared/redis/beat-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { keepLead } from "../../libs/shared/redis/leader.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { startRounds } from "../../libs/shared/rounds.ts";
import { answerDesired } from "../../libs/shared/scaling/desired.ts";
import { workGroups } from "../../libs/shared/scaling/loads.ts";
import { runService } from "../../libs/shared/service.ts";
import { ScalingHistory } from "./history.ts";
import { PostgresHistory } from "./history-store.ts";
import { observeStanding } from "./metrics.ts";
import { RedisStanding } from "./redis-standing.ts";
import { Scaler } from "./rounds.ts";
import { desiredOf } from "./standing.ts";

const CONNECTIONS_MAX = 2;
const HISTORY_EVERY_MS = 30_000;
/** The lead passes on after so many rounds without a word; what stood before so many says nothing any more. */
const LEAD_ROUNDS = 3;
const LEAD_MS_MIN = 10_000;
const STANDING_ROUNDS = 10;
const STANDING_MS_MIN = 120_000;
/** A decision that is so many rounds old holds for want of another. */
const STALE_ROUNDS = 6;
const STALE_MS_MIN = 20_000;

await runService("scaler", process.env, async (context) => {
  const { settings, environment, instance, log, kafka, retry } = context;
  const { every_ms } = settings.scaling;
  const redis = connectRedis(environment.redis, instance, log, settings.redis.key_prefix);
  await untilAvailable(retry, "redis", () => redisReady(redis, 1_000));
  const pool = connectPostgres(environment.database_url, instance, CONNECTIONS_MAX, log);
  const history = new ScalingHistory(new PostgresHistory(pool), settings.scaling);
  const groups = workGroups(settings).flatMap((target) => target.groups);
  const backlog = {
    group_prefix: settings.consumption.group_prefix,
    topic_prefix: settings.topics.prefix,
    expected: new Map(
      groups.map(({ group, topic, batch_topic }) => [group, batch_topic ? [topic, batch_topic] : [topic]]),
    ),
  };
  const lead_ms = Math.max(LEAD_MS_MIN, LEAD_ROUNDS * every_ms);
  const stale_ms = Math.max(STALE_MS_MIN, STALE_ROUNDS * every_ms);
  const scaler = new Scaler({
    clock: systemClock,
    log,
    settings,
    lead: () => keepLead(redis, "scaler", instance, lead_ms),
    beats: new RedisBeatStore(redis, settings.observation.beat_ttl_ms),
    broker: (now_ms) => readBacklog(kafka, backlog, now_ms),
    store: new RedisStanding(redis, Math.max(STANDING_MS_MIN, STANDING_ROUNDS * every_ms)),
    history,
  });
  observeStanding(
    context.metrics,
    () => scaler.standing,
    () => scaler.leads,
  );
  const rounds = startRounds({
    clock: systemClock,
    async round() {
      const started_ms = systemClock.now_ms();
      await scaler.round();
      return Math.max(0, started_ms + every_ms - systemClock.now_ms());
    },
    failed: () => every_ms,
  });
  let migrated = false;
  const keeping = startRounds({
    clock: systemClock,
    async round() {
      if (!migrated) await migrate(pool);
      migrated = true;
      if (scaler.leads) await history.keep(systemClock.now_ms());
      return HISTORY_EVERY_MS;
    },
    failed(error) {
      log.warn({ error }, "what scaling remembers was neither read nor written");
      return HISTORY_EVERY_MS;
    },
  });
  return {
    // While parts are away what was desired is still told: that is what it is there for.
    ready: async () => (scaler.standing === undefined ? ["nothing is decided yet"] : []),
    answer(path) {
      const { standing } = scaler;
      const reply = answerDesired(path, standing && desiredOf(standing, systemClock.now_ms(), stale_ms));
      return reply && { status: reply.status, type: "application/json", body: JSON.stringify(reply.body) };
    },
    async stop() {
      await Promise.all([rounds.stop(), keeping.stop()]);
      if (scaler.leads && migrated) await history.keep(systemClock.now_ms()).catch(() => undefined);
      redis.disconnect();
      await pool.end();
    },
  };
});
