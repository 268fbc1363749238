/** The end of a gateway: nothing new is taken, what is under way comes to its end or is told where its result will be. */
import type { FastifyInstance } from "fastify";
import { type Clock, sleep } from "../../libs/shared/clock.ts";

export type Closing = {
  readonly clock: Clock;
  /** Callers under way have so long to get their answers. */
  readonly drain_ms: number;
  /** Streams whose readers lose nothing when they come back elsewhere: ended at once. */
  readonly resumable: { close(): Promise<void> };
  /** Callers that wait: released when the time is up. */
  readonly waiting: { release(): void };
  /** Streams that cannot be resumed: ended last. */
  readonly streams: { close(): Promise<void> };
};

/** For callers that were released to take what they are told. */
const LAST_MS = 2_000;

export async function closeGently(app: FastifyInstance, options: Closing): Promise<void> {
  const { clock, drain_ms, resumable, waiting, streams } = options;
  // From here on new calls are refused, and it ends once the last connection does.
  const closed = app.close();
  await resumable.close();
  await Promise.race([closed, sleep(clock, drain_ms)]);
  waiting.release();
  await Promise.race([closed, sleep(clock, LAST_MS)]);
  await streams.close();
  app.server.closeAllConnections();
  await closed;
}
