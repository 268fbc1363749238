import { rmSync } from "node:fs";
import { SluiceError } from "../../libs/shared/errors.ts";
import { endLeftovers } from "./child.ts";
import { startCompose } from "./compose.ts";
import { ADDRESS_VARIABLES, checkGiven, givenUrls, publicAddress } from "./given.ts";
import { type Home, openHome, PART_NAMES, type PartName } from "./home.ts";
import { type BrokerCount, kafkaPlan } from "./kafka.ts";
import { takeLock } from "./lock.ts";
import { boundLogs } from "./logs.ts";
import type { CertificateFiles, PartPlan } from "./part.ts";
import { cachedRedis, ensureParts, partsAreBuilt } from "./parts-cache.ts";
import { createPortBook, type PortBook } from "./ports.ts";
import { postgresPlan } from "./postgres.ts";
import { type Progress, silentProgress } from "./progress.ts";
import { redisPlan } from "./redis.ts";
import { registryPlan } from "./registry.ts";
import type { ProcessEntry } from "./run-file.ts";
import { createSupervisor, type ProcessSpec, type Supervisor } from "./supervisor.ts";
import { baseEnv, dockerWorks, type Env, findTools, type Tools } from "./tools.ts";

const LEFTOVER_WAIT_MS = 10_000;
const PORT_ATTEMPTS_MAX = 3;

export type PartsOptions = {
  /** The checkout. */
  readonly root: string;
  /** Looked at for the four address variables, PATH and JAVA_HOME. */
  readonly env: Env;
  /** Where data, logs and the lock go; default `<root>/.sluice`. */
  readonly dir?: string;
  readonly progress?: Progress;
  /** Free ports for everything instead of the defaults. */
  readonly ephemeral_ports?: boolean;
  /** Deletes the data of earlier runs first. */
  readonly fresh?: boolean;
  /** Three: `kafka`, `kafka-2` and `kafka-3`, with three replicas of everything. Local processes only. */
  readonly brokers?: BrokerCount;
  /** For tests: Kafka speaks SASL_SSL with SCRAM-SHA-512 to clients, Postgres takes TLS too. Local processes only. */
  readonly secured?: CertificateFiles & { readonly username: string; readonly password: string };
  /** Gives up and stops what was started. */
  readonly signal?: AbortSignal;
  /** Called whenever a part's process changes. */
  readonly onChange?: () => void;
};

export type Parts = {
  readonly home: Home;
  readonly urls: Readonly<Record<PartName, string>>;
  /** `urls` under the names that services read: KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL, DATABASE_URL. */
  readonly env: Readonly<Record<string, string>>;
  readonly ports: PortBook;
  /** The local processes as they are now; a part from an address or a container has none. */
  readonly processes: readonly ProcessEntry[];
  /** Ends a part, or one broker, (by the given signal) and starts it again on the same port and data; resolves when it is ready. */
  restart(name: PartName | `kafka-${number}`, options?: { readonly signal?: NodeJS.Signals }): Promise<void>;
  /** Stops every part in bounded time and frees the lock. Data stays. */
  stop(): Promise<void>;
  /** SIGKILL to every local part, at once. */
  kill(): void;
};

/**
 * Brings up Kafka, the registry, Redis and Postgres, each from the first source that there is: its address in the
 * environment, local processes, containers. One stack per folder: throws `usage` when another process runs it,
 * `part_missing` when there is no source, `part_failed` with the last log lines when a part does not start.
 */
export async function startParts(options: PartsOptions): Promise<Parts> {
  const home = openHome(options.root, options.dir);
  const lock = takeLock(home.lock_file);
  if ("held_by" in lock) {
    throw new SluiceError("usage", `Sluice runs here already (process ${lock.held_by.pid})`, {
      fix: `Stop it with Ctrl-C in its terminal or with: kill ${lock.held_by.pid}`,
    });
  }
  try {
    return await startLocked(home, options, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A way to run the parts that no address was given for. */
type Backend = {
  readonly urls: Partial<Record<PartName, string>>;
  readonly processes: () => readonly ProcessEntry[];
  readonly restart: (
    name: PartName | `kafka-${number}`,
    options?: { readonly signal?: NodeJS.Signals },
  ) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly kill: () => void;
};

type Start = {
  readonly home: Home;
  readonly options: PartsOptions;
  readonly progress: Progress;
  readonly ports: PortBook;
  /** The parts to run here. */
  readonly names: readonly PartName[];
};

async function startLocked(home: Home, options: PartsOptions, release: () => void): Promise<Parts> {
  const progress = options.progress ?? silentProgress();
  const left = await endLeftovers(home, LEFTOVER_WAIT_MS);
  if (left.length > 0) progress.say(`stopped what an earlier run had left behind: ${left.join(", ")}`);

  const given = givenUrls(options.env);
  const names = PART_NAMES.filter((name) => given[name] === undefined);
  if ((options.brokers ?? 1) > 1 && given.kafka !== undefined) {
    throw new SluiceError("usage", "KAFKA_BROKERS names a Kafka, so none is started here", {
      fix: "Leave --brokers away, or unset KAFKA_BROKERS.",
    });
  }
  for (const [name, url] of Object.entries(given) as [PartName, string][]) {
    await checkGiven(name, url);
    progress.step(name, "given", `${publicAddress(url)} (${ADDRESS_VARIABLES[name]})`);
  }
  const start: Start = { home, options, progress, ports: createPortBook(), names };
  const backend = names.length === 0 ? NOTHING : await chooseBackend(start);
  const logs = boundLogs(home.logs);
  const urls = { ...given, ...backend.urls } as Record<PartName, string>;
  return {
    home,
    urls,
    env: Object.fromEntries(PART_NAMES.map((name) => [ADDRESS_VARIABLES[name], urls[name]])),
    ports: start.ports,
    get processes() {
      return backend.processes();
    },
    restart: (name, how) => backend.restart(name, how),
    async stop() {
      logs.stop();
      await backend.stop();
      release();
    },
    kill: () => backend.kill(),
  };
}

/** All or none. */
async function startAll(supervisor: Supervisor, specs: readonly ProcessSpec[]): Promise<void> {
  const results = await Promise.allSettled(specs.map((spec) => supervisor.start(spec)));
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) return;
  await supervisor.stop(specs.map(({ name }) => name));
  throw failed.reason;
}

const NOTHING: Backend = {
  urls: {},
  processes: () => [],
  restart: (name) => Promise.reject(new Error(`${name} is not run here`)),
  stop: async () => {},
  kill: () => {},
};

async function chooseBackend(start: Start): Promise<Backend> {
  const { home, options, names } = start;
  const tools = await findTools(options.env);
  if (tools.java && (tools.mvn || partsAreBuilt(home, tools))) return startLocal(start, tools);
  const only_here = (options.brokers ?? 1) > 1 || options.secured !== undefined;
  if (!only_here && (await dockerWorks(options.env))) return startContainers(start);
  const variables = names.map((name) => ADDRESS_VARIABLES[name]).join(", ");
  const why = tools.missing.join(" and ");
  throw new SluiceError("part_missing", `Nothing to run the parts with: ${why}, and no docker compose with an engine`, {
    fix: `Install Java 17 and Maven (Debian: apt-get install default-jre-headless maven; macOS: brew install openjdk maven), or start Docker, or set ${variables}.`,
  });
}

async function startContainers({ home, options, progress, ports, names }: Start): Promise<Backend> {
  for (const name of names) progress.step(name, "starting", "container");
  const ephemeral = options.ephemeral_ports ?? false;
  const compose = await startCompose({ home, env: options.env, names, ports, ephemeral });
  for (const name of names) progress.step(name, "ready", publicAddress(compose.urls[name]));
  return {
    urls: Object.fromEntries(names.map((name) => [name, compose.urls[name]])),
    processes: () => [],
    restart: (name) => compose.restart(name as PartName),
    stop: () => compose.stop({ wipe: options.fresh ?? false }),
    kill: () => {},
  };
}

async function startLocal(start: Start, tools: Tools): Promise<Backend> {
  const { home, options, progress } = start;
  const { env, signal, onChange } = options;
  await ensureParts({ home, tools, env, say: progress.say, signal });
  const plans = localPlans(home, tools, options).filter((plan) => start.names.includes(plan.name));
  if (options.fresh) for (const plan of plans) rmSync(plan.data, { recursive: true, force: true });

  const supervisor = createSupervisor({ home, say: progress.say, ...(onChange ? { onChange } : {}) });
  const abort = (): void => void supervisor.stop();
  signal?.addEventListener("abort", abort, { once: true });
  const results = await Promise.allSettled(plans.map((plan) => startPart(plan, supervisor, start)));
  signal?.removeEventListener("abort", abort);
  const failed = results.find((result) => result.status === "rejected");
  if (failed || signal?.aborted) {
    await supervisor.stop();
    throw failed?.reason ?? signal?.reason;
  }
  const urls = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return {
    urls: Object.fromEntries(urls),
    processes: () => supervisor.processes(),
    restart: (name, how) => supervisor.restart(name, how),
    stop: () => supervisor.stop(),
    kill: () => supervisor.kill(),
  };
}

function localPlans(home: Home, tools: Tools, options: PartsOptions): readonly PartPlan[] {
  const { env, brokers = 1, secured } = options;
  const base = baseEnv(env);
  const java = { home, path: tools.java?.path ?? "java", env: base };
  const redis = tools.redis_server ?? cachedRedis(home);
  const kafka = kafkaPlan(java, { brokers, ...(secured === undefined ? {} : { secured }) });
  return [kafka, registryPlan(java), redisPlan(home, redis, base), postgresPlan(home, base, secured)];
}

/** Starts one part; where another program was quicker to take its port, again with other ports. */
async function startPart(plan: PartPlan, supervisor: Supervisor, start: Start): Promise<[PartName, string]> {
  const { options, progress, ports } = start;
  progress.step(plan.name, "starting");
  for (let attempt = 1; ; attempt++) {
    const any = options.ephemeral_ports || attempt > 1;
    const chosen = await Promise.all(plan.default_ports.map((port) => ports.take(any ? undefined : port)));
    try {
      await plan.prepare(chosen);
      options.signal?.throwIfAborted();
      await startAll(supervisor, plan.specs(chosen));
      await plan.finish?.(chosen);
      const url = plan.url(chosen);
      progress.step(plan.name, "ready", publicAddress(url));
      return [plan.name, url];
    } catch (error) {
      const clash = error instanceof SluiceError && error.code === "port_taken";
      if (clash && attempt < PORT_ATTEMPTS_MAX) continue;
      progress.step(plan.name, "failed");
      throw error;
    }
  }
}
