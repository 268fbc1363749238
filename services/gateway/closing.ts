/** The end of a gateway: nothing new is taken, what is under way comes to its end or is told where its result will be. */
import type { FastifyInstance } from "fastify";
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";

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
/** Connections whose call has ended are closed so often: their callers would keep them for the next one. */
const LOOK_MS = 50;

export async function closeGently(app: FastifyInstance, options: Closing): Promise<void> {
  const { clock, drain_ms, resumable, waiting, streams } = options;
  const closed = new AbortController();
  // From here on new calls are refused, and it ends once the last connection does.
  const closing = app.close().finally(() => closed.abort());
  closing.catch(() => undefined);
  const wait = (wait_ms: number) => sleepUntil(clock, wait_ms, [closed.signal]);
  const closeIdle = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      app.server.closeIdleConnections();
      await wait(LOOK_MS);
    }
  };
  void closeIdle();
  await resumable.close();
  await wait(drain_ms);
  waiting.release();
  await wait(LAST_MS);
  await streams.close();
  app.server.closeAllConnections();
  await closing;
}
