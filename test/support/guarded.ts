/** A door of TLS and a password before a server that has neither. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Authority } from "./authority.ts";

export type Guarded = {
  /** With the path of the server behind it. */
  readonly url: string;
  /** Requests that were let in. */
  requests(): number;
  close(): void;
};

export async function guard(
  target: string,
  authority: Authority,
  username: string,
  password: string,
): Promise<Guarded> {
  const behind = new URL(target);
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  let requests = 0;
  const tls = { cert: readFileSync(authority.certificate), key: readFileSync(authority.key) };
  const server: Server = createServer(tls, (from, to) => {
    if (from.headers.authorization !== wanted) {
      to.writeHead(401, { "content-type": "application/json" }).end('{"error_code":401,"message":"Unauthorized"}');
      return;
    }
    requests += 1;
    const headers = { ...from.headers, host: behind.host };
    const options = { host: behind.hostname, port: behind.port, method: from.method, path: from.url, headers };
    const onward = request(options, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    onward.once("error", () => to.destroy());
    from.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}${behind.pathname}`,
    requests: () => requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
