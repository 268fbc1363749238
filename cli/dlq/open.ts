/** Opens what the verbs of `sluice dlq` work with, and closes it after them. */
import { systemClock } from "../../libs/shared/clock.ts";
import { type DeadLetters, openDeadLetters } from "../../libs/shared/dead-letters/dead-letters.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import { migrate } from "../../libs/shared/postgres/migrations.ts";
import { type CliContext, openContext, registerSchemas } from "../context.ts";

const CONNECTIONS_MAX = 2;

/** @throws `not_running`, or `dependency_unavailable` with the part that is away. */
export async function withDeadLetters<T>(work: (letters: DeadLetters, context: CliContext) => Promise<T>): Promise<T> {
  const context = await openContext(process.env);
  await registerSchemas(context);
  const { kafka, codec, names, settings, environment, log } = context;
  const pool = connectPostgres(environment.database_url, "cli", CONNECTIONS_MAX, log);
  const producer = new BatchingProducer(kafka, settings.producer);
  const letters = openDeadLetters({ kafka, codec, pool, names, settings, publisher: producer, clock: systemClock });
  try {
    await Promise.all([migrate(pool), producer.connect()]);
    return await work(letters, context);
  } finally {
    await Promise.allSettled([letters.close(), producer.close()]);
    await pool.end();
  }
}
