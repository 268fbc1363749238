/** Who answers the same requests: the mock model by itself, Portkey's gateway before it, and Sluice before it. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createPortBook } from "../../tools/stack/ports.ts";
import type { BenchStack } from "../support/stack.ts";

export type Contender = {
  readonly name: "mock" | "portkey" | "sluice";
  /** Of chat completions. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whose CPU its requests are told of, in the names of `BenchStack.processes`; default: all but the peer's. */
  readonly processes?: readonly string[];
};

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PEER = "portkey";
const MOCK = "mock_llm";
const READY_WAIT_MS = 30_000;
const PATH = "/v1/chat/completions";
const JSON_BODY = { "content-type": "application/json" };

/** Starts Portkey's gateway too, under the stack's supervisor, which also ends it. */
export async function startContenders(stack: BenchStack): Promise<readonly Contender[]> {
  return [
    { name: "mock", url: `${stack.mock_url}${PATH}`, headers: JSON_BODY, processes: [MOCK] },
    await startPortkey(stack),
    {
      name: "sluice",
      url: `${stack.gateway_url}${PATH}`,
      headers: { ...JSON_BODY, authorization: `Bearer ${stack.api_key}` },
    },
  ];
}

/** Its own start script on the same Node, without its console; the mock's address travels in each request's headers. */
async function startPortkey(stack: BenchStack): Promise<Contender> {
  const port = await createPortBook().take();
  const url = `http://127.0.0.1:${port}`;
  const script = fileURLToPath(import.meta.resolve("@portkey-ai/gateway/build/start-server.js"));
  await stack.supervisor.start({
    name: PEER,
    command: process.execPath,
    args: [script, `--port=${port}`, "--headless"],
    env: { ...stack.env, NODE_ENV: "production" },
    cwd: ROOT,
    url,
    ready_url: url,
    ready_wait_ms: READY_WAIT_MS,
  });
  return {
    name: PEER,
    url: `${url}${PATH}`,
    headers: {
      ...JSON_BODY,
      authorization: "Bearer mock",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `${stack.mock_url}/v1`,
    },
    processes: [PEER, MOCK],
  };
}

/** The processes that a contender's requests go through. */
export function processesOf(contender: Contender, stack: BenchStack): ReturnType<BenchStack["processes"]> {
  const { processes } = contender;
  return stack.processes().filter(({ name }) => processes?.includes(name) ?? name !== PEER);
}
