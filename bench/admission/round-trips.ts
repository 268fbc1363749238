/**
 * Counts round trips between a client and Redis: a proxy that passes on what the client says at once, and keeps Redis's answers
 * until both have been silent for a while. By then the client has said all that it can say without an answer. Whenever answers
 * are let through, that was one round trip.
 */
import { createServer, type Socket, connect as tcpConnect } from "node:net";

/** Longer than a client or a server under load pauses in the middle of what it says. */
const SILENT_MS = 100;

export type RoundTripProxy = {
  /** A Redis URL; one connection at a time is counted well. */
  readonly url: string;
  count(): number;
  stop(): void;
};

export async function countRoundTrips(redis_url: string): Promise<RoundTripProxy> {
  let count = 0;
  const sockets: Socket[] = [];
  const { hostname: host, port } = new URL(redis_url);
  const server = createServer((client) => {
    const redis = tcpConnect({ host, port: Number(port) });
    sockets.push(client, redis);
    let kept: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    const heard = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (kept.length === 0) return;
        count += 1;
        client.write(Buffer.concat(kept));
        kept = [];
      }, SILENT_MS);
    };
    client.on("data", (bytes) => {
      heard();
      redis.write(bytes);
    });
    redis.on("data", (bytes) => {
      heard();
      kept.push(bytes);
    });
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    count: () => count,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
