import { spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SluiceError } from "../../libs/shared/errors.ts";
import { writeAtomic } from "./atomic.ts";
import { saysPortTaken } from "./backoff.ts";
import type { Home } from "./home.ts";
import { openLog } from "./logs.ts";
import { birthOf, signalGroup, waitGone } from "./os-process.ts";

const TAIL_BYTES_MAX = 8_192;
const TAIL_LINES_MAX = 12;
const PROBE_PAUSE_MS = 50;

export type LaunchSpec = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited, so that a part never sees a provider's key. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The user to run as, where it is not ours. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** How to ask for a clean end; default SIGTERM. */
  readonly stop_signal?: NodeJS.Signals;
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly error?: string };

export type Child = {
  readonly name: string;
  readonly pid: number;
  readonly started_ms: number;
  readonly log_path: string;
  /** Resolves once, when the process is gone. */
  readonly exited: Promise<Exit>;
  /** The exit, once it is known. */
  exit(): Exit | undefined;
  /** What this process wrote to its log so far: the last 8 KiB. */
  tail(): string;
  /** Asks for an end, waits, then forces it. Safe to call twice. */
  stop(wait_ms: number, signal?: NodeJS.Signals): Promise<void>;
};

/**
 * Starts a program in a process group of its own, so that the terminal's Ctrl-C does not reach it: the order of the
 * shutdown is ours. Its output goes to `logs/<name>.log`; its pid file lets a later run end it if we are killed.
 */
export function launch(home: Home, spec: LaunchSpec): Child {
  const log_path = join(home.logs, `${spec.name}.log`);
  const log = openLog(log_path);
  const log_start = fstatSync(log).size;
  const process_ = spawn(spec.command, [...spec.args], {
    cwd: spec.cwd,
    env: { ...spec.env },
    detached: true,
    stdio: ["ignore", log, log],
    ...(spec.user ?? {}),
  });
  closeSync(log);
  const pid = process_.pid ?? -1;
  const pid_file = join(home.pids, `${spec.name}.json`);
  const stop_signal = spec.stop_signal ?? "SIGTERM";
  if (pid > 0) writeAtomic(pid_file, JSON.stringify({ pid, birth: birthOf(pid) ?? "", stop_signal }));

  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    const end = (value: Exit): void => {
      if (exit) return;
      exit = value;
      removePidFile(pid_file, pid);
      resolve(value);
    };
    process_.once("exit", (code, signal) => end({ code, signal }));
    process_.once("error", (error) => {
      // An error after the spawn (a failed kill) is no exit.
      if (process_.pid === undefined) end({ code: null, signal: null, error: error.message });
    });
  });
  const child: Child = {
    name: spec.name,
    pid,
    started_ms: Date.now(),
    log_path,
    exited,
    exit: () => exit,
    tail: () => readTail(log_path, log_start),
    async stop(wait_ms, signal = stop_signal) {
      if (exit || pid <= 0) return;
      signalGroup(pid, signal);
      const force = setTimeout(() => signalGroup(pid, "SIGKILL"), wait_ms);
      await exited;
      clearTimeout(force);
    },
  };
  return child;
}

/** "exit code 1", "SIGKILL" or why it could not be started. */
export function describeExit(exit: Exit): string {
  return exit.error ?? (exit.signal !== null ? exit.signal : `exit code ${exit.code}`);
}

/**
 * Polls until the probe says yes. Throws `port_taken` or `part_failed` with the log's last lines when the process dies
 * first, `part_failed` when the time is up.
 */
export async function waitReady(child: Child, probe: () => Promise<boolean>, wait_ms: number): Promise<void> {
  const end_ms = Date.now() + wait_ms;
  while (!child.exit()) {
    if ((await probe().catch(() => false)) && !child.exit()) return;
    if (Date.now() >= end_ms) throw failure(child, `was not ready within ${Math.round(wait_ms / 1000)} s`);
    await Promise.race([sleep(PROBE_PAUSE_MS), child.exited]);
  }
  throw failure(child, `ended while it started (${describeExit(child.exit() ?? { code: null, signal: null })})`);
}

function failure(child: Child, what: string): SluiceError {
  const tail = child.tail();
  const lines = tail.trimEnd().split("\n").slice(-TAIL_LINES_MAX).join("\n  ");
  const code = saysPortTaken(tail) ? "port_taken" : "part_failed";
  return new SluiceError(code, `${child.name} ${what}; its last lines:\n  ${lines}\n`, {
    fix: `The whole log is ${child.log_path}.`,
  });
}

/** Ends what a crashed run of this stack left running; returns the names. Pids reused by others are left alone. */
export async function endLeftovers(home: Home, wait_ms: number): Promise<readonly string[]> {
  if (!existsSync(home.pids)) return [];
  const files = readdirSync(home.pids).filter((file) => file.endsWith(".json"));
  const ended = await Promise.all(
    files.map(async (file) => {
      const path = join(home.pids, file);
      const left = readPidFile(path);
      const alive = left !== undefined && left.birth !== "" && birthOf(left.pid) === left.birth;
      if (alive) {
        signalGroup(left.pid, left.stop_signal);
        if (!(await waitGone(left.pid, left.birth, wait_ms))) signalGroup(left.pid, "SIGKILL");
        await waitGone(left.pid, left.birth, wait_ms);
      }
      rmSync(path, { force: true });
      return alive ? file.replace(/\.json$/, "") : undefined;
    }),
  );
  return ended.filter((name) => name !== undefined);
}

type PidFile = { readonly pid: number; readonly birth: string; readonly stop_signal: NodeJS.Signals };

function readPidFile(path: string): PidFile | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as PidFile;
    return Number.isInteger(value.pid) && value.pid > 1 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Only our own: after a restart the file names the new process. */
function removePidFile(path: string, pid: number): void {
  if (readPidFile(path)?.pid === pid) rmSync(path, { force: true });
}

function readTail(path: string, start: number): string {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    const from = Math.max(size < start ? 0 : start, size - TAIL_BYTES_MAX);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, from));
  } finally {
    closeSync(file);
  }
}
