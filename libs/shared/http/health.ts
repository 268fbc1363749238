/** `/healthz`, `/readyz` and `/metrics`, on Node's own server: every service but the gateway needs no more. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

/** What is wrong, in words; empty when the service can really work. */
export type ReadinessCheck = () => Promise<readonly string[]>;

export type HealthReply = { readonly status: number; readonly type: string; readonly body: string };

/** @returns undefined for a path that is not one of the three. */
export async function answerHealth(
  path: string,
  ready: ReadinessCheck,
  metrics: Registry,
): Promise<HealthReply | undefined> {
  if (path === "/healthz") return json(200, { status: "ok" });
  if (path === "/metrics") return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
  if (path !== "/readyz") return undefined;
  const problems = await ready();
  return json(problems.length === 0 ? 200 : 503, { ready: problems.length === 0, problems });
}

export type HealthServer = { readonly url: string; close(): Promise<void> };

/** @param more what the service answers beside the three. */
export async function serveHealth(
  address: { readonly host: string; readonly port: number },
  ready: ReadinessCheck,
  metrics: Registry,
  more: (path: string) => HealthReply | undefined = () => undefined,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://local").pathname;
    answerHealth(path, ready, metrics)
      .then((reply) => send(response, reply ?? more(path) ?? json(404, { error: "not found" })))
      .catch((error: unknown) => send(response, json(500, { error: String(error) })));
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, resolve);
  });
  return { url: `http://${address.host}:${portOf(server)}`, close: () => close(server) };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function json(status: number, value: object): HealthReply {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

function send(response: ServerResponse, { status, type, body }: HealthReply): void {
  response.writeHead(status, { "content-type": type }).end(body);
}
