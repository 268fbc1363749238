/**
 * Calls addresses that users gave, without being led inside (server-side request forgery):
 * - the URL is checked (`url-rules.ts`), then every address that its name resolves to; one that must not be called refuses the call;
 * - the connection goes to an address that was checked, not to the name again, so a name that changes its mind has no effect; TLS still
 *   proves the name;
 * - redirects are not followed, no proxy of the environment is used, and what comes back is not kept.
 */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { Agent, buildConnector } from "undici";
import { addressProblem, type Network } from "./address-rules.ts";
import { addressIn, checkUrl, type UrlRules } from "./url-rules.ts";

/** How a call ended. `why` never names the URL. */
export type Called =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly duration_ms: number;
      /** The header Retry-After as it came. */
      readonly retry_after?: string;
    }
  | { readonly kind: "failed"; readonly why: string; readonly duration_ms: number }
  /** By its text the URL is never called. */
  | { readonly kind: "refused"; readonly why: string; readonly duration_ms: number };

/** Posts once. Never throws. */
export type PostOnce = (url: string, headers: Readonly<Record<string, string>>, body: string) => Promise<Called>;

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;
/** Opens a connection to `hostname`, which is an address here. */
export type Dial = buildConnector.connector;

export type GuardOptions = {
  readonly rules: UrlRules;
  /** Of the whole call. */
  readonly timeout_ms: number;
  /** Connections to one host at once. */
  readonly host_connections_max: number;
  readonly resolve?: Resolve;
  readonly dial?: Dial;
};

export type GuardedClient = { readonly post: PostOnce; close(): Promise<void> };

const CONNECT_MS_MAX = 5_000;
/** Addresses that are tried until one takes the connection. */
const ADDRESSES_TRIED_MAX = 3;
const KEEP_ALIVE_MS = 10_000;
const HEADERS_BYTES_MAX = 16 * 1024;
/** Of an answer, read so that the connection can be used again; of a longer one the connection is closed. */
const ANSWER_BYTES_MAX = 16 * 1024;

/** The name's addresses hold one that must not be called. */
class AddressRefused extends Error {}

const systemResolve: Resolve = async (hostname) => {
  const found: LookupAddress[] = await lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

export function createGuardedClient(options: GuardOptions): GuardedClient {
  const { rules, timeout_ms, host_connections_max, resolve = systemResolve } = options;
  const dial = options.dial ?? buildConnector({ timeout: Math.min(CONNECT_MS_MAX, timeout_ms) });
  const agent = new Agent({
    connect: guardedConnector(rules.networks, resolve, dial),
    connections: host_connections_max,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: timeout_ms,
    bodyTimeout: timeout_ms,
    maxHeaderSize: HEADERS_BYTES_MAX,
  });
  return {
    async post(text, headers, body) {
      const start = performance.now();
      const took = (): number => Math.round(performance.now() - start);
      const checked = checkUrl(text, rules);
      if (!checked.ok) return { kind: "refused", why: `the URL ${checked.why}`, duration_ms: 0 };
      try {
        return {
          kind: "answered",
          ...(await call(agent, checked.url, headers, body, timeout_ms)),
          duration_ms: took(),
        };
      } catch (error) {
        return { kind: "failed", why: reasonOf(error), duration_ms: took() };
      }
    },
    close: () => agent.destroy(),
  };
}

async function call(
  agent: Agent,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeout_ms: number,
): Promise<{ status: number; retry_after?: string }> {
  const signal = AbortSignal.timeout(timeout_ms);
  const path = `${url.pathname}${url.search}`;
  const answer = await agent.request({ origin: url.origin, path, method: "POST", headers, body, signal });
  // The status says all; a body that breaks off changes nothing.
  await answer.body.dump({ limit: ANSWER_BYTES_MAX, signal }).catch(() => undefined);
  const retry_after = answer.headers["retry-after"];
  return { status: answer.statusCode, ...(typeof retry_after === "string" ? { retry_after } : {}) };
}

/** In place of the client's own connector: the name is resolved here, once, and only a checked address is dialled. */
function guardedConnector(networks: readonly Network[], resolve: Resolve, dial: Dial): Dial {
  return (options, callback) => {
    checkedAddresses(options.hostname, networks, resolve)
      .then((addresses) => dialFirst(addresses, options, dial))
      .then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      );
  };
}

async function checkedAddresses(
  hostname: string,
  networks: readonly Network[],
  resolve: Resolve,
): Promise<readonly string[]> {
  const written = addressIn(hostname);
  const addresses = written === undefined ? await resolve(hostname) : [written];
  if (addresses.length === 0) throw new Error("the host has no address");
  for (const address of addresses) {
    const problem = addressProblem(address, networks);
    if (problem !== undefined) throw new AddressRefused(`the host has an address that must not be called: ${problem}`);
  }
  return addresses.slice(0, ADDRESSES_TRIED_MAX);
}

type Socket = Extract<Parameters<buildConnector.Callback>, [null, unknown]>[1];

/** One after the other, in the order of the resolver. `host` stays, so that TLS asks for the name and checks it. */
async function dialFirst(addresses: readonly string[], options: buildConnector.Options, dial: Dial): Promise<Socket> {
  let failed: unknown;
  for (const hostname of addresses) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        dial({ ...options, hostname }, (...[error, socket]) => (error === null ? resolve(socket) : reject(error)));
      });
    } catch (error) {
      failed = error;
    }
  }
  throw failed;
}

const REASONS: Readonly<Record<string, string>> = {
  TimeoutError: "it did not answer in time",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection broke",
  UND_ERR_SOCKET: "the connection broke",
  ENOTFOUND: "the host is not known",
  EAI_AGAIN: "the host could not be looked up",
  UND_ERR_HEADERS_OVERFLOW: "its headers were too large",
};

/** A few words; messages of other code may hold the address. */
function reasonOf(error: unknown): string {
  if (error instanceof AddressRefused) return error.message;
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = REASONS[String(code)] ?? REASONS[String(name)];
  if (known !== undefined) return known;
  return typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code)
    ? `it could not be called (${code})`
    : "it could not be called";
}
