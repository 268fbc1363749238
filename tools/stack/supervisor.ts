import { countFailures, restartDelayMs } from "./backoff.ts";
import { type Child, describeExit, type LaunchSpec, launch, waitReady } from "./child.ts";
import type { Home } from "./home.ts";
import { signalGroup } from "./os-process.ts";
import type { ProcessEntry } from "./run-file.ts";

const READY_WAIT_MS = 90_000;
const STOP_WAIT_MS = 15_000;
const PROBE_WAIT_MS = 2_000;

/** A program to keep running. */
export type ProcessSpec = LaunchSpec & {
  /** What `run.json` says about it: where it serves, or null. */
  readonly url: string | null;
  /** Ready when a GET there answers 200. */
  readonly ready_url?: string;
  /** Ready when this says so; its argument is what the process wrote to its log. Takes precedence over `ready_url`. */
  readonly ready?: (tail: string) => boolean | Promise<boolean>;
  readonly ready_wait_ms?: number;
  readonly stop_wait_ms?: number;
};

export type Supervisor = {
  /** Starts a program and waits until it is ready. Throws `part_failed` or `port_taken`, with nothing left running. */
  start(spec: ProcessSpec): Promise<void>;
  /** Stops (by the given signal) and starts again with the same command; resolves when ready. */
  restart(name: string, options?: { readonly signal?: NodeJS.Signals }): Promise<void>;
  /** Stops the named programs, or all, side by side: a signal, a bounded wait, then SIGKILL. */
  stop(names?: readonly string[]): Promise<void>;
  /** SIGKILL to everything, at once. */
  kill(): void;
  /** What runs now, in the order of the starts. */
  processes(): readonly ProcessEntry[];
};

type Managed = {
  readonly spec: ProcessSpec;
  child: Child;
  failures: number;
  /** While true, an exit is expected. */
  stopping: boolean;
  timer: NodeJS.Timeout | undefined;
};

export type SupervisorOptions = {
  readonly home: Home;
  /** One line for a person about a death and the restart. */
  readonly say: (line: string) => void;
  /** Called whenever a pid changes. */
  readonly onChange?: () => void;
};

/** Keeps programs running: one that dies is started again after a back-off of 200 ms to 5 s. */
export function createSupervisor({ home, say, onChange = () => {} }: SupervisorOptions): Supervisor {
  const managed = new Map<string, Managed>();

  // Whatever ends this process without a stop (an unhandled error) must not leave the children behind.
  const onExit = (): void => {
    for (const { child, spec } of managed.values()) {
      if (!child.exit()) signalGroup(child.pid, spec.stop_signal ?? "SIGTERM");
    }
  };
  process.once("exit", onExit);

  function watch(entry: Managed): void {
    const { child } = entry;
    void child.exited.then((exit) => {
      if (entry.stopping || entry.child !== child) return;
      entry.failures = countFailures(entry.failures, Date.now() - child.started_ms);
      const delay_ms = restartDelayMs(entry.failures);
      say(`${child.name} died (${describeExit(exit)}), starting it again in ${delay_ms} ms (log: ${child.log_path})`);
      onChange();
      entry.timer = setTimeout(() => {
        entry.child = launch(home, entry.spec);
        onChange();
        watch(entry);
      }, delay_ms);
    });
  }

  async function end(entry: Managed, signal?: NodeJS.Signals): Promise<void> {
    entry.stopping = true;
    clearTimeout(entry.timer);
    await entry.child.stop(entry.spec.stop_wait_ms ?? STOP_WAIT_MS, signal);
  }

  return {
    async start(spec) {
      const entry: Managed = { spec, child: launch(home, spec), failures: 0, stopping: false, timer: undefined };
      managed.set(spec.name, entry);
      onChange();
      try {
        await becomeReady(entry);
      } catch (error) {
        await end(entry);
        managed.delete(spec.name);
        throw error;
      }
      watch(entry);
    },
    async restart(name, { signal } = {}) {
      const entry = managed.get(name);
      if (!entry) throw new Error(`no process named ${name} is supervised`);
      await end(entry, signal);
      entry.child = launch(home, entry.spec);
      entry.stopping = false;
      onChange();
      watch(entry);
      await becomeReady(entry);
    },
    async stop(names) {
      const entries = [...managed.values()].filter((entry) => !names || names.includes(entry.spec.name));
      await Promise.all(entries.map((entry) => end(entry)));
      for (const entry of entries) managed.delete(entry.spec.name);
      if (managed.size === 0) process.removeListener("exit", onExit);
      onChange();
    },
    kill() {
      for (const entry of managed.values()) {
        entry.stopping = true;
        clearTimeout(entry.timer);
        if (!entry.child.exit()) signalGroup(entry.child.pid, "SIGKILL");
      }
    },
    processes() {
      const running = [...managed.values()].filter((entry) => !entry.child.exit());
      return running.map(({ spec, child }) => ({ name: spec.name, pid: child.pid, url: spec.url }));
    },
  };
}

function becomeReady({ child, spec }: Managed): Promise<void> {
  const { ready, ready_url } = spec;
  const probe = async (): Promise<boolean> => {
    if (ready) return ready(child.tail());
    return ready_url === undefined || (await answersOk(ready_url));
  };
  return waitReady(child, probe, spec.ready_wait_ms ?? READY_WAIT_MS);
}

/** True when a GET answers 200 in time. */
export async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_WAIT_MS) });
  await response.body?.cancel();
  return response.status === 200;
}
