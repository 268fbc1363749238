/** A whole Sluice of its own for a benchmark: parts with fresh data, mock, services, all on free ports. */
import { join } from "node:path";
import { demoKey, prepare } from "../../cli/prepare.ts";
import { loadSettings } from "../../libs/shared/config/load.ts";
import { modelEnv } from "../../tools/stack/model.ts";
import { type Parts, startParts } from "../../tools/stack/parts.ts";
import { consoleProgress, type Progress } from "../../tools/stack/progress.ts";
import type { ProcessEntry } from "../../tools/stack/run-file.ts";
import { type Scale, startMock, startReplayService, startServices } from "../../tools/stack/services.ts";
import { createSupervisor, type Supervisor } from "../../tools/stack/supervisor.ts";

export type BenchStack = {
  readonly parts: Parts;
  readonly supervisor: Supervisor;
  readonly gateway_url: string;
  readonly mock_url: string;
  readonly api_key: string;
  /** Addresses as the services get them. */
  readonly env: Readonly<Record<string, string>>;
  /** Parts, mock and services. */
  processes(): readonly ProcessEntry[];
  stop(): Promise<void>;
};

export type BenchStackOptions = {
  readonly root: string;
  /** A folder under .sluice; its data is deleted first. */
  readonly name: string;
  readonly settings_file?: string;
  /** One of each; of the replay service none. */
  readonly scale?: Scale;
  /** Variables of the services beside the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up the start, and stops what was started. */
  readonly signal?: AbortSignal;
};

export async function startBenchStack(options: BenchStackOptions): Promise<BenchStack> {
  const { root, name, signal = new AbortController().signal } = options;
  const dir = join(root, ".sluice", name);
  const progress: Progress = consoleProgress(process.stderr);
  const own = { ephemeral_ports: true, fresh: true } as const;
  const parts = await startParts({ root, dir, env: process.env, progress, signal, ...own });
  const supervisor = createSupervisor({ home: parts.home, say: progress.say });
  const env: Record<string, string> = {
    ...inherited(),
    ...parts.env,
    SLUICE_SETTINGS: options.settings_file ?? join(root, "sluice.yaml"),
    SLUICE_LOG_LEVEL: "info",
    ...options.env,
  };
  const stop = async (): Promise<void> => {
    await supervisor.stop(supervisor.processes().map((one) => one.name));
    await parts.stop();
  };
  try {
    const input = { root, supervisor, ports: parts.ports, progress, env };
    const mock_url = await startMock(input);
    Object.assign(env, { OPENAI_BASE_URL: `${mock_url}/v1`, OPENAI_API_KEY: "mock" });
    const endpoints = { ...parts.urls, gateway: null, console: null, mock_llm: mock_url };
    const settings_path = env["SLUICE_SETTINGS"] as string;
    const settings = await loadSettings(settings_path);
    Object.assign(env, await modelEnv({ root, env, say: progress.say, signal }, settings));
    await prepare({ root, dir, endpoints, env, settings_path, progress, signal });
    signal.throwIfAborted();
    const { scale = {} } = options;
    const gateway_url = await startServices(input, scale);
    if ((scale.replay ?? 0) > 0) await startReplayService(input, scale, signal);
    progress.close();
    const processes = () => [...parts.processes, ...supervisor.processes()];
    return { parts, supervisor, gateway_url, mock_url, api_key: await demoKey(dir), env, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function inherited(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
