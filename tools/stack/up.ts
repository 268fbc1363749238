import { join } from "node:path";
import { loadSettings } from "../../libs/shared/config/load.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Autoscaled } from "./autoscale.ts";
import { type Autoscaling, startAutoscaling } from "./autoscaling.ts";
import { listenForInterrupts } from "./interrupts.ts";
import type { BrokerCount } from "./kafka.ts";
import { modelEnv } from "./model.ts";
import { type Parts, startParts } from "./parts.ts";
import type { Progress } from "./progress.ts";
import { type Endpoints, type ProcessEntry, removeRunState, writeRunState } from "./run-file.ts";
import { ownSecrets } from "./secrets.ts";
import { MOCK_NAME, type Scale, startMock, startReplayService, startServices } from "./services.ts";
import { createSupervisor } from "./supervisor.ts";
import type { Env } from "./tools.ts";

/** A stack that is up, as its steps see it. */
export type Stack = {
  readonly root: string;
  /** Where this stack keeps its files (`.sluice`). */
  readonly dir: string;
  readonly endpoints: Endpoints;
  /** The environment the services got: the four addresses, OPENAI_BASE_URL, SLUICE_SETTINGS and the rest. */
  readonly env: Readonly<Record<string, string>>;
  readonly settings_path: string;
  readonly progress: Progress;
  /** Aborted when the user wants to stop. */
  readonly signal: AbortSignal;
};

/** What Sluice itself does at each stage; this folder only knows processes. */
export type UpSteps = {
  /** When the parts answer, before any service starts: topics, schemas, tables. `endpoints.gateway` is null here. */
  readonly prepare?: (stack: Stack) => Promise<void>;
  /** When every service is ready: keys to make, addresses to print. */
  readonly greet?: (stack: Stack) => Promise<void>;
  /** The sample job; true when every request was answered. */
  readonly runSample?: (stack: Stack) => Promise<boolean>;
};

export type UpOptions = {
  readonly root: string;
  readonly dir?: string;
  readonly env: Env;
  readonly progress: Progress;
  readonly only_parts: boolean;
  readonly mock: boolean;
  readonly scale: Scale;
  readonly brokers: BrokerCount;
  readonly sample: boolean;
  /** Stop after the sample instead of serving until a signal. */
  readonly exit: boolean;
  /** Services of which there are as many as the scaler desires; without it the scaler is not run. */
  readonly autoscale?: readonly Autoscaled[];
  readonly steps: UpSteps;
};

const FORCED_CODE = 130;

/** Brings everything up, serves until a signal (or the sample's end) and stops in order; resolves to the exit code. */
export async function up(options: UpOptions): Promise<number> {
  if (options.sample && !options.steps.runSample) throw new SluiceError("usage", "There is no sample job to run");
  const { progress, steps } = options;
  const running = new Running(options);
  const interrupts = listenForInterrupts(() => {
    running.kill();
    process.exit(FORCED_CODE);
  });
  try {
    const stack = await running.start(interrupts.signal);
    await steps.greet?.(stack);
    progress.close();
    const answered = options.sample && steps.runSample ? await steps.runSample(stack) : true;
    if (!options.exit) {
      await interrupts.first;
      progress.say("stopping: the services finish their work, then the parts stop");
    }
    return answered || !options.exit ? 0 : 1;
  } catch (error) {
    if (interrupts.signal.aborted) return FORCED_CODE;
    throw error;
  } finally {
    progress.close();
    await running.stop();
    interrupts.dispose();
  }
}

/** The processes of one `up`, and the order in which they start and stop. */
class Running {
  readonly #options: UpOptions;
  #parts: Parts | undefined;
  #services: ReturnType<typeof createSupervisor> | undefined;
  #endpoints: Endpoints | undefined;
  #autoscaling: Autoscaling | undefined;
  /** run.json appears when everything is ready and goes when the stop begins. */
  #published = false;

  constructor(options: UpOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<Stack> {
    const { root, env, progress, steps, dir, brokers } = this.#options;
    const onChange = (): void => this.#publish();
    const place = dir === undefined ? {} : { dir };
    const parts = await startParts({ root, env, progress, signal, onChange, brokers, ...place });
    this.#parts = parts;
    removeRunState(parts.home.run_file);
    const supervisor = createSupervisor({ home: parts.home, say: progress.say, onChange });
    this.#services = supervisor;
    // Only during the start: later the order of the stop counts.
    const abort = (): void => void supervisor.stop();
    signal.addEventListener("abort", abort, { once: true });

    const settings_path = env["SLUICE_SETTINGS"] || join(root, "sluice.yaml");
    const own = { SLUICE_SETTINGS: settings_path, SLUICE_LOG_LEVEL: env["SLUICE_LOG_LEVEL"] || "info" };
    const secrets = ownSecrets(parts.home, env);
    const service_env: Record<string, string> = { ...defined(env), ...parts.env, ...secrets, ...own };
    const input = { root, supervisor, ports: parts.ports, progress, env: service_env };
    let endpoints: Endpoints = { ...parts.urls, gateway: null, console: null, mock_llm: null };
    const stack = (): Stack => {
      this.#endpoints = endpoints;
      return { root, dir: parts.home.dir, endpoints, env: service_env, settings_path, progress, signal };
    };
    signal.throwIfAborted();
    if (!this.#options.only_parts) {
      if (this.#options.mock && !env["OPENAI_BASE_URL"]) {
        const mock_llm = await startMock(input);
        endpoints = { ...endpoints, mock_llm };
        service_env["OPENAI_BASE_URL"] = `${mock_llm}/v1`;
        service_env["OPENAI_API_KEY"] ||= "mock";
      }
      const settings = await loadSettings(settings_path);
      Object.assign(service_env, await modelEnv({ root, env, say: progress.say, signal }, settings));
      await steps.prepare?.(stack());
      signal.throwIfAborted();
      const gateway = await startServices(input, this.#options.scale);
      endpoints = { ...endpoints, gateway, console: `${gateway}/console` };
    }
    signal.removeEventListener("abort", abort);
    signal.throwIfAborted();
    const complete = stack();
    this.#published = true;
    this.#publish();
    // Nobody waits for it: what there is to run may wait for a moment.
    if (!this.#options.only_parts) void startReplayService(input, this.#options.scale, signal);
    const { autoscale = [], only_parts } = this.#options;
    if (autoscale.length > 0 && !only_parts) this.#autoscaling = startAutoscaling(input, autoscale, signal);
    return complete;
  }

  /** Services drain first, while what they stand on still answers; then the mock, then the parts. */
  async stop(): Promise<void> {
    this.#published = false;
    if (this.#parts) removeRunState(this.#parts.home.run_file);
    await this.#autoscaling?.stop();
    const services = this.#services?.processes().map(({ name }) => name) ?? [];
    await this.#services?.stop(services.filter((name) => name !== MOCK_NAME));
    await this.#services?.stop();
    await this.#parts?.stop();
  }

  kill(): void {
    this.#services?.kill();
    this.#parts?.kill();
  }

  #publish(): void {
    if (!this.#published || !this.#endpoints || !this.#parts) return;
    const processes: readonly ProcessEntry[] = [...this.#parts.processes, ...(this.#services?.processes() ?? [])];
    writeRunState(this.#parts.home.run_file, { endpoints: this.#endpoints, processes });
  }
}

function defined(env: Env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
