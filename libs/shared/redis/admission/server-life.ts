/** Which life of the counters this connection sees: read once, and again whenever the connection or the epoch has changed. */
import type { Redis } from "ioredis";
import { pipelineReplies, withRedis } from "../client.ts";
import { EPOCH_KEY } from "./keys.ts";
import type { Life } from "./reserve-call.ts";

/**
 * The counters live as long as the server process that their epoch was begun on: one that was restarted (or a replica that took
 * over) may have lost its last writes. A connection belongs to one process, so its `run_id` is read once per connection.
 *
 * The connection must refuse what it cannot send (`connectRedis`): a command that is sent again by itself after a reconnect
 * would speak to another server than it was meant for.
 */
export class ServerLife {
  readonly #redis: Redis;
  #known: Life | undefined;
  #connections = 0;

  constructor(redis: Redis) {
    this.#redis = redis;
    redis.on("close", () => {
      this.#connections += 1;
      this.#known = undefined;
    });
  }

  /** Grows when the connection ends. */
  get connections(): number {
    return this.#connections;
  }

  /** Undefined while the counters are lost. */
  async life(): Promise<Life | undefined> {
    if (this.#known !== undefined) return this.#known;
    const connection = this.#connections;
    // In one pipeline, thus of one connection.
    const pipeline = this.#redis.pipeline().get(EPOCH_KEY).info("server");
    const [text, info] = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    const run_id = runIdOf(String(info));
    const [epoch, begun_on] = String(text ?? "").split(" ");
    if (epoch === undefined || begun_on !== run_id) return undefined;
    const life = { epoch, run_id };
    if (connection === this.#connections) this.#known = life;
    return life;
  }

  forget(): void {
    this.#known = undefined;
  }
}

/** From the reply of `INFO server`. */
export function runIdOf(info: string): string {
  const run_id = /^run_id:(\S+)/m.exec(info)?.[1];
  if (run_id === undefined) throw new Error("INFO server has no run_id");
  return run_id;
}
