/** A TCP proxy before a part, so that a test can take the part away from one pipeline alone, and give it back. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const HOST = "127.0.0.1";

export type PartProxy = {
  /** The URL with the proxy's address in place of the part's. */
  readonly url: string;
  /** Cuts every connection and refuses new ones. */
  away(): Promise<void>;
  /** Takes connections again, on the same port. */
  back(): Promise<void>;
};

export async function startProxy(part_url: string): Promise<PartProxy> {
  const target = new URL(part_url);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  let server = serve();
  const port = await listen(server, 0);
  const own = new URL(part_url);
  own.host = `${HOST}:${port}`;

  function serve(): Server {
    return createServer((client) => {
      const upstream = connect({ host: target.hostname, port: Number(target.port) });
      keep(client);
      keep(upstream);
      client.pipe(upstream).pipe(client);
      client.once("close", () => upstream.destroy());
      upstream.once("close", () => client.destroy());
    });
  }

  return {
    url: own.href,
    async away() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    async back() {
      server = serve();
      await listen(server, port);
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Never what keeps the test's process alive.
    server.unref();
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
