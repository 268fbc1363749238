/** The life of the counters on one Redis. */
import { pipelineReplies, type RedisClient, withRedis } from "../client.ts";
import { epochKey } from "./keys.ts";
import type { Identity, LifeView } from "./life-view.ts";
import type { Life } from "./reserve-call.ts";
import { endedMsAgo, runIdOf } from "./server-info.ts";

/**
 * The counters live as long as the server process that their epoch was begun on: one that was restarted (or a replica that took
 * over) may have lost its last writes. A connection belongs to one process, so its `run_id` is read once per connection.
 *
 * The connection must refuse what it cannot send (`connectRedis`): a command that is sent again by itself after a reconnect
 * would speak to another server than it was meant for.
 */
export class ServerLife implements LifeView {
  readonly #redis: RedisClient;
  #known: Life | undefined;
  #connections = 0;

  constructor(redis: RedisClient) {
    this.#redis = redis;
    redis.on("close", () => {
      this.#connections += 1;
      this.#known = undefined;
    });
  }

  get connections(): number {
    return this.#connections;
  }

  async life(): Promise<Life | undefined> {
    if (this.#known !== undefined) return this.#known;
    const connection = this.#connections;
    // In one pipeline, thus of one connection.
    const pipeline = this.#redis.pipeline().get(epochKey("")).info("server");
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

  async identity(): Promise<Identity> {
    const about = this.#redis.pipeline().info("server").info("replication");
    const replies = await withRedis(async () => pipelineReplies(await about.exec()));
    const [server, replication] = replies as [string, string];
    return { run_id: runIdOf(server), endedMsAgo: (life) => endedMsAgo(life, server, replication) };
  }

  async disprove(): Promise<void> {
    // The one place is what the script has looked at.
  }
}
