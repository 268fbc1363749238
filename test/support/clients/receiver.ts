/** Receives webhooks, as bytes and headers. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "../until.ts";

export type Hook = { readonly path: string; readonly body: string; readonly headers: Record<string, string> };

export type Receiver = {
  url(path: string): string;
  /** Waits for the first one at this path whose text holds `word`. */
  heard(path: string, word: string): Promise<Hook>;
  close(): void;
};

const HOST = "127.0.0.1";

export async function startReceiver(): Promise<Receiver> {
  const hooks: Hook[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    hooks.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString(), headers });
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => `http://${HOST}:${port}${path}`,
    heard: (path, word) =>
      until(`a webhook at ${path} with ${word}`, () =>
        hooks.find((hook) => hook.path === path && hook.body.includes(word)),
      ),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
