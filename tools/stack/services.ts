import { join } from "node:path";
import { loadSettings } from "../../libs/shared/config/load.ts";
import { describe, SluiceError } from "../../libs/shared/errors.ts";
import { DEFAULT_PORTS, type PortBook } from "./ports.ts";
import { type Progress, silentProgress } from "./progress.ts";
import type { ProcessSpec, Supervisor } from "./supervisor.ts";

export const SERVICE_NAMES = ["gateway", "ingest", "router", "inference", "results"] as const;
/** Beside the pipeline: runs replays that were asked for in the console. Nothing waits for it. */
const REPLAY_SERVICE = "replay";
/** Says how many of each there should be; runs with `--autoscale`. */
export const SCALER_SERVICE = "scaler";
export const ALL_SERVICES = [...SERVICE_NAMES, REPLAY_SERVICE, SCALER_SERVICE] as const;
/** Of which any number may run, as asked for. */
const SCALED_SERVICES = [...SERVICE_NAMES, REPLAY_SERVICE] as const;
export type ServiceName = (typeof ALL_SERVICES)[number];
export type Scale = Readonly<Partial<Record<ServiceName, number>>>;

/** `run.json` calls it as its endpoint is called. */
export const MOCK_NAME = "mock_llm";

const HOST = "127.0.0.1";
const PORT_ATTEMPTS_MAX = 3;
export const INSTANCES_MAX = 64;
const READY_WAIT_MS = 60_000;
/** What a service may take to end beside draining its work for `consumption.drain_deadline_ms`. */
const END_WAIT_MS = 5_000;
/** Room for what requests under way keep alive: with 8 MiB most of it moved to the old generation first, for twice the garbage collection. */
const YOUNG = ["--min-semi-space-size=16", "--max-semi-space-size=16"];
// kafkajs sets one timer in the past on Node 24 (tulios/kafkajs#1751); harmless, so that one warning is off. The heap is small:
// what is queued is bounded, and mostly outside of it.
const NODE_FLAGS = ["--disable-warning=TimeoutNegativeWarning", ...YOUNG, "--max-old-space-size=128"];
/** Of two, V8 takes the last. The router's view of the cache has some 520 bytes on the heap for each of its 100,000 entries; replays simulate it. */
const ROOMY_FLAGS = ["--max-old-space-size=256"];
/** Ingest restores lost counters from the ledger: 0.6 KB for each request of the last day (`../../libs/shared/budgets/ledger-fold.ts`). */
const LEDGER_FLAGS = ["--max-old-space-size=1024"];
/** glibc gives large buffers back at once instead of keeping them: some 40 MiB less resident under a flood. */
const ALLOCATOR = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "65536", MALLOC_TRIM_THRESHOLD_: "65536" };

export type ServiceInput = {
  readonly root: string;
  readonly supervisor: Supervisor;
  readonly ports: PortBook;
  readonly progress: Progress;
  /** The whole environment of the programs, SLUICE_SETTINGS among it; each gets SLUICE_HOST and SLUICE_PORT added. */
  readonly env: Readonly<Record<string, string>>;
};

/** Starts the mock model server; returns its address, without a path. */
export function startMock(input: ServiceInput): Promise<string> {
  return startOnPort(input, DEFAULT_PORTS.mock_llm, (port) => {
    const url = `http://${HOST}:${port}`;
    const args = [join(input.root, "tools", "mock-llm", "main.ts"), "--port", String(port)];
    return { ...base(input, MOCK_NAME, args), url, ready_url: `${url}/healthz` };
  });
}

/** Starts every service, the scaled ones as `inference`, `inference-2`, …, side by side; returns the gateway's address. */
export async function startServices(input: ServiceInput, scale: Scale): Promise<string> {
  const stop_wait_ms = await stopWaitMs(input);
  const starts = SERVICE_NAMES.map((service) => startScaled(input, service, scale, stop_wait_ms));
  const results = await Promise.allSettled(starts.flat());
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  const gateway = input.supervisor.processes().find(({ name }) => name === "gateway");
  if (!gateway?.url) throw new SluiceError("part_failed", "The gateway ended right after its start");
  return gateway.url;
}

/** Starts the replay service behind the others, and says so only where that goes wrong: the pipeline runs without it. */
export async function startReplayService(input: ServiceInput, scale: Scale, signal: AbortSignal): Promise<void> {
  const aside = { ...input, progress: silentProgress() };
  const results = await Promise.allSettled(startScaled(aside, REPLAY_SERVICE, scale, await stopWaitMs(input)));
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined || signal.aborted) return;
  input.progress.say(`the replay service did not start; sluice replay works without it: ${describe(failed.reason)}`);
}

/** Starts one instance more, unseen; resolves to its address when it is ready. */
export async function startInstance(input: ServiceInput, service: ServiceName, instance: number): Promise<string> {
  return startService({ ...input, progress: silentProgress() }, service, instance, await stopWaitMs(input));
}

/** The first of a service has its name, the others a number behind it. */
export function instanceName(service: ServiceName, instance: number): string {
  return instance === 1 ? service : `${service}-${instance}`;
}

async function stopWaitMs({ env }: ServiceInput): Promise<number> {
  const { consumption } = await loadSettings(env["SLUICE_SETTINGS"] as string);
  return consumption.drain_deadline_ms + END_WAIT_MS;
}

function startScaled(input: ServiceInput, service: ServiceName, scale: Scale, stop_wait_ms: number): Promise<string>[] {
  const count = scale[service] ?? 1;
  return Array.from({ length: count }, (_, index) => startService(input, service, index + 1, stop_wait_ms));
}

function startService(
  input: ServiceInput,
  service: ServiceName,
  instance: number,
  stop_wait_ms: number,
): Promise<string> {
  const name = instanceName(service, instance);
  const preferred = name === "gateway" ? DEFAULT_PORTS.gateway : undefined;
  return startOnPort(input, preferred, (port) => {
    const url = `http://${HOST}:${port}`;
    const flags =
      service === "ingest" ? LEDGER_FLAGS : service === "router" || service === REPLAY_SERVICE ? ROOMY_FLAGS : [];
    const spec = base(input, name, [...flags, join(input.root, "services", service, "main.ts")]);
    const env = { ...ALLOCATOR, ...spec.env, SLUICE_HOST: HOST, SLUICE_PORT: String(port) };
    return { ...spec, env, url, ready_url: `${url}/readyz`, stop_wait_ms };
  });
}

function base(input: ServiceInput, name: string, args: readonly string[]): Omit<ProcessSpec, "url"> {
  return {
    name,
    command: process.execPath,
    args: [...NODE_FLAGS, ...args],
    env: input.env,
    cwd: input.root,
    ready_wait_ms: READY_WAIT_MS,
  };
}

async function startOnPort(
  { ports, supervisor, progress }: ServiceInput,
  preferred: number | undefined,
  specOf: (port: number) => ProcessSpec,
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const port = await ports.take(attempt === 1 ? preferred : undefined);
    const spec = specOf(port);
    progress.step(spec.name, "starting");
    try {
      await supervisor.start(spec);
      progress.step(spec.name, "ready", `${HOST}:${port}`);
      return spec.url ?? "";
    } catch (error) {
      if (error instanceof SluiceError && error.code === "port_taken" && attempt < PORT_ATTEMPTS_MAX) continue;
      progress.step(spec.name, "failed");
      throw error;
    }
  }
}

/** Reads `inference=3` (one of `--scale`'s values) into a map; throws `usage` on anything else. */
export function parseScale(text: string, before: Scale = {}): Scale {
  const [name = "", count_text = ""] = text.split("=");
  const service = SCALED_SERVICES.find((known) => known === name);
  const count = Number(count_text);
  if (!service || !/^\d+$/.test(count_text) || count > INSTANCES_MAX || (service === "gateway" && count !== 1)) {
    throw new SluiceError("usage", `--scale ${text} is not understood`, {
      fix: `Write service=count, like inference=3; services: ${SCALED_SERVICES.slice(1).join(", ")}; count 0 to ${INSTANCES_MAX}.`,
    });
  }
  return { ...before, [service]: count };
}
