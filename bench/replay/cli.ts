/** `sluice` as a process, as a person or a CI job runs it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export type Ended = { readonly code: number | null; readonly out: string; readonly errors: string };

/** Of `sluice replay … --json`, as far as the scenarios look at it. */
export type Shown = {
  readonly id: string;
  readonly status: string;
  readonly topic: string;
  readonly preview: {
    readonly selected: number;
    readonly calls: number;
    readonly most_usd: number;
    readonly recorded_usd: number;
  };
  readonly totals: {
    readonly passed: number;
    readonly selected: number;
    readonly calls: number;
    readonly cost_usd: number;
  };
  readonly error: { readonly code: string } | null;
  readonly comparison: unknown;
  readonly ended_ms: number | null;
};

export type Cli = {
  start(...args: readonly string[]): ChildProcess;
  run(...args: readonly string[]): Promise<Ended>;
  /** @param codes exit codes that are no mistake. @throws for others, with what the process wrote. */
  replay(args: readonly string[], codes?: readonly number[]): Promise<Shown>;
};

export function cliWith(root: string, env: Readonly<Record<string, string>>): Cli {
  const start: Cli["start"] = (...args) =>
    spawn(process.execPath, [...process.execArgv, join(root, "cli", "sluice.ts"), ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
  const run: Cli["run"] = async (...args) => {
    const child = start(...args);
    let out = "";
    let errors = "";
    child.stdout?.on("data", (text) => {
      out += text;
    });
    child.stderr?.on("data", (text) => {
      errors += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, out, errors };
  };
  return {
    start,
    run,
    async replay(args, codes = [0]) {
      const { code, out, errors } = await run("replay", ...args, "--json");
      if (code === null || !codes.includes(code))
        throw new Error(`sluice replay ${args.join(" ")} ended with ${code}: ${errors}${out}`);
      return JSON.parse(out) as Shown;
    },
  };
}
