/** A stack of its own by `sluice up --autoscale`, load on it, and a row a second of what came of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import { silentLog } from "../../libs/shared/log.ts";
import type { Desired } from "../../libs/shared/scaling/desired.ts";
import { openHome } from "../../tools/stack/home.ts";
import { type RunState, readRunState } from "../../tools/stack/run-file.ts";
import { readAs } from "../support/member.ts";
import type { Phase } from "./phases.ts";

/** What was seen in a second. Ages of the oldest record that any of the services has not finished. */
export type Row = {
  readonly at_s: number;
  readonly sent: number;
  readonly results: number;
  readonly workers: number;
  readonly desired: number;
  readonly oldest_age_s: number;
  readonly lag: number;
};

export type Outcome = {
  readonly rows: readonly Row[];
  readonly changes: readonly string[];
  readonly sent: number;
  readonly missing: number;
  readonly repeated: number;
  /** Workers when the last change was waited for. */
  readonly workers_last: number;
};

export type RunInput = {
  readonly root: string;
  /** Keeps data, logs and run.json; emptied of an earlier run's data first. */
  readonly dir: string;
  readonly settings_file: string;
  readonly latency_ms: number;
  readonly phases: readonly Phase[];
  /** How long after the load the workers may take to go. */
  readonly quiet_s_max: number;
  readonly say: (line: string) => void;
};

const UP_WAIT_MS = 10 * 60_000;
const RESULTS_WAIT_MS = 180_000;

type Up = { readonly child: ChildProcess; readonly changes: string[] };

export async function runAutoscale(input: RunInput): Promise<Outcome> {
  const up = startUp(input);
  try {
    const state = await untilUp(input, up);
    await fetch(`${state.endpoints.mock_llm}/mock/faults`, {
      method: "POST",
      body: JSON.stringify({ latency_ms: input.latency_ms }),
    });
    return await watch(input, up, state.endpoints.kafka);
  } finally {
    const gone = new Promise((resolve) => up.child.once("exit", resolve));
    if (up.child.exitCode === null) {
      up.child.kill("SIGTERM");
      await gone;
    }
  }
}

function startUp({ root, dir, settings_file, say }: RunInput): Up {
  rmSync(join(dir, "data"), { recursive: true, force: true });
  const child = spawn(process.execPath, [join(root, "cli", "sluice.ts"), "up", "--autoscale=inference", "--json"], {
    cwd: root,
    env: { ...process.env, SLUICE_DIR: dir, SLUICE_SETTINGS: settings_file },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const changes: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as { event: string; service?: string; from?: number; to?: number; why?: string };
    if (event.event !== "scale") return;
    const text = `${event.service} ${event.from} → ${event.to}: ${event.why}`;
    changes.push(text);
    say(text);
  });
  return { child, changes };
}

async function untilUp({ root, dir }: RunInput, { child }: Up): Promise<RunState> {
  const home = openHome(root, dir);
  for (const end_ms = Date.now() + UP_WAIT_MS; Date.now() < end_ms; await sleep(500)) {
    if (child.exitCode !== null) throw new Error(`sluice up ended with ${child.exitCode}`);
    const state = readRunState(home.run_file, home.lock_file);
    if (state !== undefined && (await askDesired(state)) !== undefined) return state;
  }
  throw new Error("sluice up was not ready in time");
}

async function askDesired(state: RunState): Promise<Desired | undefined> {
  const url = state.processes.find(({ name }) => name === "scaler")?.url;
  if (!url) return undefined;
  const response = await fetch(`${url}/desired`, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
  return response?.ok ? ((await response.json()) as Desired) : undefined;
}

async function watch(input: RunInput, up: Up, brokers: string): Promise<Outcome> {
  const prefix = `autoscale-${Date.now()}-`;
  const seen = new Map<string, number>();
  let results = 0;
  const kafka = createKafka({ brokers: brokers.split(","), client_id: "bench-autoscale-results", log: silentLog });
  const reader = await readAs(kafka, `bench-${prefix}`, "llm.results", (records) => {
    for (const { key } of records) {
      const id = key?.toString() ?? "";
      if (!id.startsWith(prefix)) continue;
      seen.set(id, (seen.get(id) ?? 0) + 1);
      results += 1;
    }
  });
  const load = startLoad(input, brokers, prefix);
  const start_ms = Date.now();
  const rows: Row[] = [];
  const look = async (): Promise<void> => {
    rows.push(await rowOf(input, (Date.now() - start_ms) / 1_000, load.sent(), results));
    const row = rows.at(-1);
    if (row !== undefined && rows.length % 10 === 0) input.say(progressLine(row));
  };
  try {
    const every = async (goes_on: () => boolean, wait_ms: number): Promise<void> => {
      for (const end_ms = Date.now() + wait_ms; goes_on() && Date.now() < end_ms; await sleep(1_000)) await look();
    };
    await every(() => !load.done(), Number.POSITIVE_INFINITY);
    await every(() => seen.size < load.sent(), RESULTS_WAIT_MS);
    await every(() => (rows.at(-1)?.workers ?? 0) > 1, input.quiet_s_max * 1_000);
  } finally {
    await reader.stop();
  }
  const repeated = [...seen.values()].filter((times) => times > 1).length;
  const workers_last = rows.at(-1)?.workers ?? 0;
  return { rows, changes: up.changes, sent: load.sent(), missing: load.sent() - seen.size, repeated, workers_last };
}

function startLoad({ root, phases }: RunInput, brokers: string, prefix: string) {
  const script = join(root, "bench", "autoscale", "producer.ts");
  const args = [script, brokers, "llm.requests", prefix, JSON.stringify(phases)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let [sent, done] = [0, false];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const told = JSON.parse(line) as { sent: number; done?: boolean };
    sent = told.sent;
  });
  child.once("exit", (code) => {
    if (code !== 0) throw new Error(`the producer ended with ${code}`);
    done = true;
  });
  return { sent: () => sent, done: () => done };
}

async function rowOf({ root, dir }: RunInput, at_s: number, sent: number, results: number): Promise<Row> {
  const home = openHome(root, dir);
  const state = readRunState(home.run_file, home.lock_file);
  const desired = state === undefined ? undefined : await askDesired(state);
  const targets = desired?.targets ?? [];
  const inference = targets.find(({ service }) => service === "inference");
  return {
    ...{ at_s, sent, results },
    workers: state?.processes.filter(({ name }) => /^inference(-\d+)?$/.test(name)).length ?? 0,
    desired: inference?.desired ?? 0,
    oldest_age_s: Math.max(0, ...targets.map(({ load }) => load.oldest_age_ms)) / 1_000,
    lag: inference?.load.lag_records ?? 0,
  };
}

function progressLine({ at_s, sent, results, workers, desired, oldest_age_s }: Row): string {
  return `${at_s.toFixed(0).padStart(4)} s  sent ${sent}, results ${results}, workers ${workers} of ${desired}, oldest ${oldest_age_s.toFixed(1)} s`;
}
