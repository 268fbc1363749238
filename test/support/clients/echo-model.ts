/** A model server whose answer is the body that it was sent: a test sees what came through the pipeline. It fails first where it is told to. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const HOST = "127.0.0.1";
/** In a prompt: the first so many calls with this very prompt are answered with 500. */
const FAILURES = /\[\[fail (\d+)\]\]/;

type Body = { readonly stream?: boolean; readonly messages?: readonly { readonly content?: unknown }[] };

export type EchoModel = { readonly base_url: string; close(): Promise<void> };

export async function startEchoModel(): Promise<EchoModel> {
  const failures = new Map<string, number>();
  const server = createServer(async (request, response) => {
    // Endpoints are looked at in between, to see whether they are well.
    if (request.method !== "POST") {
      sendJson(response, 200, { object: "list", data: [] });
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = JSON.parse(text) as Body;
    const prompt = JSON.stringify(body.messages?.at(-1)?.content);
    const failed = failures.get(prompt) ?? 0;
    if (failed < Number(FAILURES.exec(prompt)?.[1] ?? 0)) {
      failures.set(prompt, failed + 1);
      sendJson(response, 500, { error: { message: "as asked", type: "server_error", code: null, param: null } });
    } else if (body.stream === true) sendStream(response, text);
    else sendJson(response, 200, completion(text));
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base_url: `http://${HOST}:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const HEAD = { id: "chatcmpl-echo", created: 1_700_000_000, model: "echo" };
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

function completion(content: string): object {
  const message = { role: "assistant", content, refusal: null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  return { ...HEAD, object: "chat.completion", choices, usage: USAGE };
}

function sendStream(response: ServerResponse, content: string): void {
  const chunk = (delta: object, finish_reason: string | null): object => ({
    ...{ ...HEAD, object: "chat.completion.chunk", usage: null },
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  });
  const last = { ...HEAD, object: "chat.completion.chunk", choices: [], usage: USAGE };
  const events = [chunk({ role: "assistant", content }, null), chunk({}, "stop"), last].map((event) =>
    JSON.stringify(event),
  );
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end([...events, "[DONE]"].map((event) => `data: ${event}\n\n`).join(""));
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
