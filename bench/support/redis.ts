/** A Redis of its own for a benchmark: as Sluice starts it, with fresh data, on a free port. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { endLeftovers } from "../../tools/stack/child.ts";
import { openHome } from "../../tools/stack/home.ts";
import { takeLock } from "../../tools/stack/lock.ts";
import { cachedRedis, ensureParts } from "../../tools/stack/parts-cache.ts";
import { createPortBook } from "../../tools/stack/ports.ts";
import { redisPlan } from "../../tools/stack/redis.ts";
import { createSupervisor } from "../../tools/stack/supervisor.ts";
import { baseEnv, findTools } from "../../tools/stack/tools.ts";

export type BenchRedis = {
  readonly url: string;
  /** A connection as services have it; ended by `stop`. */
  connect(role: string, through_url?: string): Promise<Redis>;
  stop(): Promise<void>;
};

const LEFTOVER_WAIT_MS = 10_000;
const READY_WAIT_MS = 5_000;
/** The default of `redis.key_prefix`. */
export const KEY_PREFIX = "sluice:";

/** @param name a folder under .sluice; its data is deleted first. */
export async function startBenchRedis(root: string, name: string, signal: AbortSignal): Promise<BenchRedis> {
  const home = openHome(root, join(root, ".sluice", name));
  const lock = takeLock(home.lock_file);
  if ("held_by" in lock) throw new Error(`this benchmark runs already (process ${lock.held_by.pid})`);
  const say = (line: string): void => console.error(line);
  const supervisor = createSupervisor({ home, say });
  const connections: Redis[] = [];
  const stop = async (): Promise<void> => {
    for (const connection of connections) connection.disconnect();
    await supervisor.stop();
    lock.release();
  };
  try {
    await endLeftovers(home, LEFTOVER_WAIT_MS);
    const tools = await findTools(process.env);
    if (tools.redis_server === undefined) await ensureParts({ home, tools, env: process.env, say, signal });
    const plan = redisPlan(home, tools.redis_server ?? cachedRedis(home), baseEnv(process.env));
    rmSync(plan.data, { recursive: true, force: true });
    const ports = [await createPortBook().take()];
    await plan.prepare(ports);
    await supervisor.start(plan.specs(ports)[0]);
    signal.throwIfAborted();
    const url = plan.url(ports);
    return {
      url,
      async connect(role, through_url = url) {
        const connection = connectRedis(through_url, role, silentLog, KEY_PREFIX);
        connections.push(connection);
        await redisReady(connection, READY_WAIT_MS);
        return connection;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
