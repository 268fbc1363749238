/** A TCP proxy that hands everything on later than it came, in order: a part that is far away, or slow. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

const HOST = "127.0.0.1";

export type SlowProxy = { readonly url: string; stop(): Promise<void> };

/** @param delay_ms of what goes to the part, and of what comes back. */
export async function startSlowProxy(part_url: string, delay_ms: number): Promise<SlowProxy> {
  const target = new URL(part_url);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const later = (from: Socket, to: Socket): void => {
    from.on("data", (bytes) => setTimeout(() => to.write(bytes), delay_ms));
    from.once("close", () => setTimeout(() => to.destroy(), delay_ms));
  };
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    keep(client);
    keep(upstream);
    later(client, upstream);
    later(upstream, client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, resolve);
  });
  const own = new URL(part_url);
  own.host = `${HOST}:${(server.address() as AddressInfo).port}`;
  return {
    url: own.href,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
