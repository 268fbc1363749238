import { spawn } from "node:child_process";
import type { Env } from "./tools.ts";

const OUTPUT_CHARS_MAX = 4_000;

export type MavenRun = {
  readonly mvn: string;
  readonly pom: string;
  /** `-Dname=value`. */
  readonly options: readonly string[];
  readonly env: Env;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Runs `mvn package` of a pom. `-C` fails on a wrong checksum; the child stays in our process group, so that Ctrl-C ends it too.
 * @returns the end of its output where it failed. Rejects when it cannot be started or is aborted.
 */
export async function runMaven({ mvn, pom, options, env, signal }: MavenRun): Promise<string | undefined> {
  const child = spawn(mvn, ["-C", "-q", "-B", "-ntp", "-f", pom, "package", ...options], {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(signal ? { signal } : {}),
  });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return code === 0 ? undefined : output.trim();
}
