import { readFileSync, rmSync } from "node:fs";
import { writeAtomic } from "./atomic.ts";
import { lockHolder } from "./lock.ts";

export type Endpoints = {
  /** `host:port`, comma-separated where there are several brokers. */
  readonly kafka: string;
  readonly schema_registry: string;
  readonly redis: string;
  readonly postgres: string;
  /** Null until the service is up, and where it is not run. */
  readonly gateway: string | null;
  readonly console: string | null;
  readonly mock_llm: string | null;
};

/** One local process. `url` is null for a program that serves nothing. */
export type ProcessEntry = { readonly name: string; readonly pid: number; readonly url: string | null };

/** What `.sluice/run.json` holds while `up` runs: how other commands, tests and scripts find it. */
export type RunState = { readonly endpoints: Endpoints; readonly processes: readonly ProcessEntry[] };

/** The text of run.json: exactly the contract's keys, whatever else the arguments carry. */
export function formatRunState({ endpoints: e, processes }: RunState): string {
  const { kafka, schema_registry, redis, postgres, gateway, console, mock_llm } = e;
  const state: RunState = {
    endpoints: { kafka, schema_registry, redis, postgres, gateway, console, mock_llm },
    processes: processes.map(({ name, pid, url }) => ({ name, pid, url })),
  };
  return `${JSON.stringify(state, null, 2)}\n`;
}

export function writeRunState(path: string, state: RunState): void {
  writeAtomic(path, formatRunState(state));
}

export function removeRunState(path: string): void {
  rmSync(path, { force: true });
}

/** The state of the stack that runs in a folder, or undefined when none does (a crashed run's file does not count). */
export function readRunState(path: string, lock_path: string): RunState | undefined {
  if (!lockHolder(lock_path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as RunState;
  } catch {
    return undefined;
  }
}
