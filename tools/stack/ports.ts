import { connect, createServer } from "node:net";

const HOST = "127.0.0.1";
const PICK_ATTEMPTS_MAX = 50;

/** Default ports; one that is taken gives way to a free one. */
export const DEFAULT_PORTS = {
  kafka: 9092,
  kafka_controller: 9093,
  schema_registry: 8081,
  redis: 6379,
  postgres: 5432,
  gateway: 8080,
  mock_llm: 8090,
} as const;

export type PortBook = {
  /** A port that is free now and was not given out before: the preferred one when it is free, else any. */
  take(preferred?: number): Promise<number>;
};

export type PortProbe = {
  /** True when nothing listens on the port and it can be bound. */
  readonly isFree: (port: number) => Promise<boolean>;
  /** A port the system has free. */
  readonly pickFree: () => Promise<number>;
};

/** Gives out ports, each once. Between the check and the use another program may take one: callers start again. */
export function createPortBook(probe: PortProbe = { isFree, pickFree }): PortBook {
  const given = new Set<number>();
  const keep = (port: number): number => {
    given.add(port);
    return port;
  };
  return {
    async take(preferred) {
      if (preferred !== undefined && !given.has(preferred)) {
        // Marked before the check, so that two parts that start together never both see it free.
        given.add(preferred);
        if (await probe.isFree(preferred)) return preferred;
      }
      for (let attempt = 0; attempt < PICK_ATTEMPTS_MAX; attempt++) {
        const port = await probe.pickFree();
        if (!given.has(port)) return keep(port);
      }
      throw new Error(`no free port found in ${PICK_ATTEMPTS_MAX} attempts`);
    },
  };
}

/** Both questions are needed: a wildcard listener lets a loopback bind succeed on some systems. */
export async function isFree(port: number): Promise<boolean> {
  if (await answers(HOST, port, 500)) return false;
  return (await bind(port)) !== undefined;
}

/** A free port out of the system's ephemeral range. */
async function pickFree(): Promise<number> {
  const port = await bind(0);
  if (port === undefined) throw new Error("the system gave no free port");
  return port;
}

/** True when something accepts TCP connections there within the wait. */
export function answers(host: string, port: number, wait_ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(wait_ms, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

function bind(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: HOST, port, exclusive: true }, () => {
      const address = server.address();
      const bound = address !== null && typeof address === "object" ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}
