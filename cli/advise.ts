/** `sluice advise`: watches a running pipeline for some seconds, and says which stage limits it, why, and what to change. */
import { Command, InvalidArgumentError } from "commander";
import { hasBottleneck } from "../libs/shared/advice/findings.ts";
import { PipelineLooks } from "../libs/shared/advice/looking.ts";
import { watchOnce } from "../libs/shared/advice/watching.ts";
import { systemClock } from "../libs/shared/clock.ts";
import { connectPostgres, withPostgres } from "../libs/shared/postgres/client.ts";
import { RedisBeatStore } from "../libs/shared/redis/beat-store.ts";
import { connectRedis, redisReady } from "../libs/shared/redis/client.ts";
import { adviceText } from "./advise/view.ts";
import { type CliContext, openContext } from "./context.ts";
import { createBar } from "./output/bar.ts";
import { EXIT, listenForStop, print } from "./output/terminal.ts";

/** Beside the exit codes of all verbs: work waits for something that can be changed. */
const BOTTLENECK = 6;
const SECONDS_MIN = 4;
const SECONDS_MAX = 3_600;
const REDIS_WAIT_MS = 5_000;
const STATEMENT_MS_MAX = 5_000;

const HELP = `
Examples:
  sluice advise
  sluice advise --seconds 30
  sluice advise --json | jq '.findings[0] | {what, stage, change}'
  sluice advise --keys              # names the session that has most of a partition
  sluice advise --watch             # again and again, until Ctrl-C

It reads what processes say of themselves (Redis), what groups are behind (Kafka) and what the last day was like (Postgres), and changes nothing.
docs/advise.md has every finding.

Exit codes: 0 nothing limits; 6 there is a bottleneck; 1 something failed; 2 wrong usage; 3 no running Sluice was found; 130 stopped
before the end. With --watch it is 0 when it is stopped.`;

type Flags = {
  readonly seconds: number;
  readonly keys?: boolean;
  readonly watch?: boolean;
  readonly json?: boolean;
};

export const adviseCommand = new Command("advise")
  .description("find the stage that limits the pipeline: why, what to change, and what that should bring")
  .option("--seconds <n>", `how long to look, ${SECONDS_MIN} to ${SECONDS_MAX}`, parseSeconds, 10)
  .option("--keys", "name the key that has most of a partition; sessions may be personal")
  .option("--watch", "go on: one advice after another, until Ctrl-C")
  .option("--json", "one JSON object: at_ms, seconds, findings, stages; with --watch one a line")
  .addHelpText("after", HELP)
  .action(async (flags: Flags) => {
    const context = await openContext(process.env);
    const stop = listenForStop();
    try {
      process.exitCode = await advise(context, flags, stop.signal);
    } finally {
      stop.dispose();
    }
  });

async function advise(context: CliContext, flags: Flags, signal: AbortSignal): Promise<number> {
  const { environment, settings, kafka, log } = context;
  const redis = connectRedis(environment.redis, "cli", log, settings.redis.key_prefix);
  const pool = connectPostgres(environment.database_url, "cli", 1, log);
  const looks = new PipelineLooks({
    kafka,
    beats: new RedisBeatStore(redis, settings.observation.beat_ttl_ms),
    rows: async (text, values) => {
      await withPostgres(() => pool.query(`SET statement_timeout = ${STATEMENT_MS_MAX}`));
      return (await withPostgres(() => pool.query(text, [...values]))).rows;
    },
    settings,
    now_ms: systemClock.now_ms,
  });
  try {
    await redisReady(redis, REDIS_WAIT_MS);
    return await lookOn(looks, flags, settings.observation.beat_ms, signal);
  } finally {
    redis.disconnect();
    await pool.end();
  }
}

async function lookOn(looks: PipelineLooks, flags: Flags, beat_ms: number, signal: AbortSignal): Promise<number> {
  const { seconds, keys = false, watch = false, json = false } = flags;
  let first: Parameters<typeof watchOnce>[3];
  for (;;) {
    const bar = createBar("looking", seconds, !json);
    const progress = (done: number, note: string): void => bar.update(done, seconds, note);
    const { advice, last } = await watchOnce(
      looks,
      systemClock,
      { seconds, beat_ms, keys, signal, progress },
      first,
    ).finally(() => bar.stop());
    if (signal.aborted) return watch ? EXIT.ok : EXIT.interrupted;
    const { observation, ...rest } = advice;
    await print(json ? `${JSON.stringify({ ...rest, stages: observation.stages })}\n` : adviceText(advice));
    if (!watch) return hasBottleneck(advice.findings) ? BOTTLENECK : EXIT.ok;
    first = last;
  }
}

function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (Number.isFinite(seconds) && seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`Expected ${SECONDS_MIN} to ${SECONDS_MAX} seconds.`);
}
