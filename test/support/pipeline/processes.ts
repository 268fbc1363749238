/** The mock and the services of one pipeline as supervised processes: what dies is started again by itself. */
import { join } from "node:path";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { Home } from "../../../tools/stack/home.ts";
import { createPortBook } from "../../../tools/stack/ports.ts";
import { ALL_SERVICES, MOCK_NAME } from "../../../tools/stack/services.ts";
import { createSupervisor, type ProcessSpec } from "../../../tools/stack/supervisor.ts";

const HOST = "127.0.0.1";
const READY_WAIT_MS = 120_000;
const DRAIN_WAIT_MS = 40_000;
const PORT_ATTEMPTS_MAX = 3;
const NODE_FLAGS = ["--disable-warning=TimeoutNegativeWarning", "--max-semi-space-size=8"];

export type Processes = {
  /** Starts the mock model server; returns its address. */
  startMock(args: readonly string[]): Promise<string>;
  /** Starts a service (`inference`) or a further instance of one (`inference-2`); returns its address once it is ready. */
  start(name: string): Promise<string>;
  /** Without waiting for readiness: for what waits for a part that is away. */
  launch(name: string): Promise<string>;
  /** SIGTERM; resolves when the process has drained and is gone. */
  stop(...names: readonly string[]): Promise<void>;
  /** Sends a signal and returns. A process that ends by it is started again by the supervisor. */
  signal(name: string, signal: NodeJS.Signals): void;
  /** Ends the process by the signal and starts it again on the same port; resolves when it is ready. */
  restart(name: string, signal: NodeJS.Signals): Promise<void>;
  url(name: string): string;
  pid(name: string): number;
  names(): readonly string[];
  /** Deaths that nobody asked for, in words. */
  readonly deaths: readonly string[];
  stopAll(): Promise<void>;
};

/** @param env the whole environment of the services. */
export function createProcesses(root: string, home: Home, env: Readonly<Record<string, string>>): Processes {
  const deaths: string[] = [];
  const supervisor = createSupervisor({ home, say: (line) => deaths.push(line) });
  const ports = createPortBook();
  const urls = new Map<string, string>();

  const specOf = (name: string, script: string, port: number): ProcessSpec => ({
    name,
    command: process.execPath,
    args: [...NODE_FLAGS, join(root, script)],
    env: { ...env, SLUICE_HOST: HOST, SLUICE_PORT: String(port) },
    cwd: root,
    url: `http://${HOST}:${port}`,
    ready_wait_ms: READY_WAIT_MS,
    stop_wait_ms: DRAIN_WAIT_MS,
  });
  const serviceSpec = (name: string, port: number): ProcessSpec => {
    const service = ALL_SERVICES.find((known) => name === known || name.startsWith(`${known}-`));
    if (service === undefined) throw new Error(`no service is named ${name}`);
    return specOf(name, `services/${service}/main.ts`, port);
  };
  /** On a port that is free. Another program, as a test beside this one, may be quicker to take it: then on another. */
  const started = async (specOn: (port: number) => ProcessSpec): Promise<string> => {
    for (let attempt = 1; ; attempt += 1) {
      const spec = specOn(await ports.take());
      try {
        await supervisor.start(spec);
      } catch (error) {
        if (error instanceof SluiceError && error.code === "port_taken" && attempt < PORT_ATTEMPTS_MAX) continue;
        throw error;
      }
      urls.set(spec.name, spec.url ?? "");
      return spec.url ?? "";
    }
  };
  const pid = (name: string): number => {
    const found = supervisor.processes().find((one) => one.name === name);
    if (found === undefined) throw new Error(`${name} does not run`);
    return found.pid;
  };

  return {
    startMock: (args) =>
      started((port) => {
        const spec = specOf(MOCK_NAME, "tools/mock-llm/main.ts", port);
        return { ...spec, args: [...spec.args, "--port", String(port), ...args], ready_url: `${spec.url}/healthz` };
      }),
    start: (name) =>
      started((port) => {
        const spec = serviceSpec(name, port);
        return { ...spec, ready_url: `${spec.url}/readyz` };
      }),
    launch: (name) => started((port) => serviceSpec(name, port)),
    stop: (...names) => supervisor.stop(names),
    signal: (name, signal) => void process.kill(pid(name), signal),
    restart: (name, signal) => supervisor.restart(name, { signal }),
    url(name) {
      const url = urls.get(name);
      if (url === undefined) throw new Error(`${name} was never started`);
      return url;
    },
    pid,
    names: () => supervisor.processes().map(({ name }) => name),
    deaths,
    /** Services drain while the mock still answers. */
    async stopAll() {
      await supervisor.stop(supervisor.processes().flatMap(({ name }) => (name === MOCK_NAME ? [] : [name])));
      await supervisor.stop();
    },
  };
}
