/** Wires results: llm.outcomes in; llm.results (exactly once), Postgres rows and Redis job views out. */
import { systemClock } from "../../libs/shared/clock.ts";
import { KafkaTopicMaker } from "../../libs/shared/kafka/topic-maker.ts";
import { KafkaTransactions } from "../../libs/shared/kafka/transactions.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import { migrate } from "../../libs/shared/postgres/migrations.ts";
import { postgresProblem } from "../../libs/shared/postgres/readiness.ts";
import { RedisCacheAnswers } from "../../libs/shared/redis/cache-answers-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { RedisJobViews } from "../../libs/shared/redis/job-views.ts";
import { requestStates } from "../../libs/shared/redis/request-states.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { deadLetterWriter, joinGroup, observeConsumption, runService } from "../../libs/shared/service.ts";
import { startBackground } from "./background.ts";
import { PostgresClaimStore } from "./claims.ts";
import { PostgresCorrections, replayTopics } from "./correction-store.ts";
import { createResultsHandler, transactionalDeadLetter } from "./handler.ts";
import { ResultsMetrics } from "./metrics.ts";
import { PostgresOriginals } from "./originals.ts";
import { startSinks } from "./sinks/start.ts";

const HOUR_MS = 3_600_000;

await runService("results", process.env, async (context) => {
  const group = `${context.settings.consumption.group_prefix}results`;
  const { settings, names, codec, metrics, log, retry } = context;
  const pool = connectPostgres(
    context.environment.database_url,
    context.instance,
    settings.results.partitions_in_flight_max,
    log,
  );
  const redis = connectRedis(context.environment.redis, context.instance, log, settings.redis.key_prefix);
  const transactions = new KafkaTransactions(context.kafka, {
    group,
    transaction_timeout_ms: settings.results.transaction_timeout_ms,
    request_bytes_max: settings.producer.request_bytes_max,
  });
  await Promise.all([
    untilAvailable(retry, "postgres", () => migrate(pool)),
    untilAvailable(retry, "redis", () => redisReady(redis, 1_000)),
    untilAvailable(retry, "kafka", () => transactions.connect()),
  ]);
  const states = requestStates(redis, settings);
  const [background, sinks] = await Promise.all([startBackground(context, states), startSinks(context, process.env)]);
  const { tenants_max } = settings.observation;
  const observer = new ResultsMetrics(metrics, { tenants_max, clock: systemClock, names });
  const dead_letters = deadLetterWriter(context, group);
  const consumption = await joinGroup(context, {
    group,
    topics: { [names.outcomes]: "interactive" },
    // One batch of a partition at a time: its transactions follow one another, partitions do not wait for each other.
    order: "partition",
    commit_by: "handler",
    is_hop: true,
    max_in_flight: settings.results.partitions_in_flight_max,
    batch_records_max: settings.consumption.batch_records_max,
    onLost: (partitions) => transactions.forget(partitions),
    deadLetter: transactionalDeadLetter(transactions, dead_letters),
    handler: createResultsHandler({
      codec,
      claims: new PostgresClaimStore(pool),
      originals: new PostgresOriginals(pool),
      corrections: {
        store: new PostgresCorrections(pool),
        hasTopic: replayTopics(new KafkaTopicMaker(context.kafka), names, systemClock.now_ms),
        claims_keep_ms: settings.results.keep_days * 24 * HOUR_MS,
      },
      views: new RedisJobViews(redis, settings.results.job_view_ttl_hours * HOUR_MS),
      cache: { answers: new RedisCacheAnswers(redis), response_bytes_max: settings.cache.response_bytes_max },
      tell: states.quietly(log),
      outbox: background.outbox,
      wakeJobs: background.wakeJobs,
      tiers: settings.tiers,
      transactions,
      clock: systemClock,
      names,
      dead_letters,
      ...(context.tracing === undefined ? {} : { tracing: context.tracing }),
      count: (...fate) => observer.read(...fate),
      settled: (entry) => observer.settled(entry),
    }),
  });
  observeConsumption(context, new Map([[group, consumption], ...sinks.consumptions]));
  return {
    ready: async () => [
      ...(consumption.joined ? [] : ["not yet a member of its group"]),
      ...(redis.status === "ready" ? [] : ["redis is away"]),
      ...(await postgresProblem(pool)),
    ],
    async stop() {
      await Promise.all([consumption.drain(settings.consumption.drain_deadline_ms), background.stop(), sinks.stop()]);
      await transactions.close();
      redis.disconnect();
      await pool.end();
    },
  };
});
