/** The mock model server: takes connections, checks keys, hands requests to routes, and closes without cutting anyone off. */

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type ApiError, badRequest, errorOfStatus } from "./errors.ts";
import { type Exchange, sendError } from "./http.ts";
import { createMock, type Mock } from "./mock.ts";
import { DEFAULTS, type MockLlmOptions } from "./options.ts";
import { parseRecordings, type Recordings } from "./recorded.ts";
import { createRouter, type Match, type Route } from "./router.ts";
import { adminRoutes } from "./routes/admin.ts";
import { batchRoutes } from "./routes/batches.ts";
import { chatRoutes } from "./routes/chat.ts";
import { embeddingsRoutes } from "./routes/embeddings.ts";
import { fileRoutes } from "./routes/files.ts";
import type { StatsSnapshot } from "./stats.ts";

export type MockLlm = {
  /** `http://127.0.0.1:8090`: without a trailing slash and without `/v1`. */
  readonly url: string;
  /** The same as `GET /stats`. */
  readonly stats: () => StatsSnapshot;
  /** Stops listening, gives answers under way `grace_ms` (0 by default) to end, then cuts them off. */
  readonly close: (grace_ms?: number) => Promise<void>;
};

/** Idle connections are kept this long: longer than clients keep them, so that none is closed under a request. */
const KEEP_ALIVE_MS = 75_000;
const CLOSE_POLL_MS = 20;
const NO_QUERY = new URLSearchParams();
const ignoreStatus = () => {};

/**
 * Starts a mock model server in this process.
 * Throws SluiceError `port_taken` when the port is in use, `usage` when the recorded answers cannot be read.
 */
export async function startMockLlm(options: MockLlmOptions = {}): Promise<MockLlm> {
  const mock = createMock(options, await loadRecordings(options.recorded));
  const model_routes = [...chatRoutes(mock), ...embeddingsRoutes(mock)];
  const routes = [...model_routes, ...adminRoutes(mock), ...fileRoutes(mock), ...batchRoutes(mock)];
  const state = { closing: false };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, createListener(mock, routes, state));
  server.requestTimeout = 0;
  await listen(server, options.host ?? DEFAULTS.host, options.port ?? 0);
  return {
    url: urlOf(server.address() as AddressInfo),
    stats: () => mock.stats.snapshot(),
    close: async (grace_ms = 0) => {
      state.closing = true;
      mock.batches.close();
      await closeServer(server, grace_ms);
    },
  };
}

type Listener = (req: IncomingMessage, res: ServerResponse) => void;

function createListener(mock: Mock, routes: readonly Route[], state: { readonly closing: boolean }): Listener {
  const route = createRouter(routes);
  const countStatus = (status: number) => mock.stats.status(status);
  return (req, res) => {
    if (state.closing) res.shouldKeepAlive = false;
    const target = req.url ?? "/";
    const query_at = target.indexOf("?");
    const path = query_at < 0 ? target : target.slice(0, query_at);
    const query = query_at < 0 ? NO_QUERY : new URLSearchParams(target.slice(query_at));
    const match = route(req.method ?? "GET", path);
    if (match === undefined || match === "method") {
      const error = {
        ...badRequest(`Unknown request URL: ${req.method} ${path}.`),
        status: match === undefined ? 404 : 405,
      };
      sendError({ req, res, params: {}, query, onStatus: ignoreStatus }, error);
      return;
    }
    const onStatus = match.route.access === "model" ? countStatus : ignoreStatus;
    const exchange: Exchange = { req, res, params: match.params, query, onStatus };
    const refused = checkKey(mock, match, req);
    if (refused === undefined) void run(match.route, exchange);
    else sendError(exchange, refused);
  };
}

function checkKey(mock: Mock, match: Match, req: IncomingMessage): ApiError | undefined {
  const { api_key } = mock.options;
  if (api_key === undefined || match.route.access === "open") return undefined;
  return req.headers.authorization === `Bearer ${api_key}` ? undefined : errorOfStatus(401);
}

/** A handler that throws is a bug: the client gets a 500, the process goes on. */
async function run(route: Route, exchange: Exchange): Promise<void> {
  try {
    await route.handle(exchange);
  } catch (error) {
    console.error("mock-llm:", error);
    if (exchange.res.headersSent) exchange.res.destroy();
    else sendError(exchange, errorOfStatus(500));
  }
}

async function loadRecordings(file: string | undefined): Promise<Recordings> {
  if (file === undefined) return new Map();
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new SluiceError("usage", `Cannot read ${file}`, { cause, fix: "Give --recorded a file that exists." });
  });
  const read = parseRecordings(text);
  if (read.ok) return read.recordings;
  throw new SluiceError("usage", `${file} line ${read.line}: ${read.problem}`, { fix: "See --help for its format." });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EADDRINUSE") return reject(cause);
      const fix = "Choose another one, or 0 for any that is free.";
      reject(new SluiceError("port_taken", `Port ${port} on ${host} is taken`, { cause, fix }));
    });
    server.listen(port, host, 4_096, () => resolve());
  });
}

function urlOf(address: AddressInfo): string {
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

async function closeServer(server: Server, grace_ms: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const deadline_ms = performance.now() + grace_ms;
  let open = true;
  void closed.then(() => {
    open = false;
  });
  while (open && performance.now() < deadline_ms) {
    await Promise.race([closed, sleep(CLOSE_POLL_MS)]);
    server.closeIdleConnections();
  }
  server.closeAllConnections();
  await closed;
}
