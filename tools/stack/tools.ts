import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { javaMajor, redisVersion } from "./versions.ts";

const run = promisify(execFile);
const ASK_WAIT_MS = 20_000;
const JAVA_MAJOR_MIN = 17;

export type Env = Readonly<Record<string, string | undefined>>;

/** What the machine offers for running the parts. */
export type Tools = {
  /** Java 17 or newer. */
  readonly java: { readonly path: string; readonly version: string } | undefined;
  readonly mvn: string | undefined;
  /** A redis-server of 6.2 or newer on PATH. */
  readonly redis_server: string | undefined;
  /** Why Java or Maven do not serve, in a few words each; empty when they do. */
  readonly missing: readonly string[];
};

/** Looks for Java, Maven and Redis; asks each for its version. */
export async function findTools(env: Env): Promise<Tools> {
  const java_home = env["JAVA_HOME"];
  const at_home = java_home ? executable(join(java_home, "bin", "java")) : undefined;
  const java_path = at_home ?? onPath("java", env);
  const mvn = onPath("mvn", env);
  const [java_output, redis_server] = await Promise.all([
    java_path ? ask(java_path, ["-version"], env) : undefined,
    findRedis(env),
  ]);
  const major = java_output === undefined ? undefined : javaMajor(java_output);
  const missing: string[] = [];
  if (major === undefined) missing.push("there is no java");
  else if (major < JAVA_MAJOR_MIN) missing.push(`java is ${major}`);
  if (!mvn) missing.push("there is no mvn");
  const fits = java_path && java_output && major !== undefined && major >= JAVA_MAJOR_MIN;
  return { java: fits ? { path: java_path, version: java_output } : undefined, mvn, redis_server, missing };
}

/** True when `docker compose` is installed and an engine answers. */
export async function dockerWorks(env: Env): Promise<boolean> {
  const docker = onPath("docker", env);
  if (!docker) return false;
  const [compose, engine] = await Promise.all([
    ask(docker, ["compose", "version"], env),
    ask(docker, ["version", "--format", "{{.Server.Version}}"], env),
  ]);
  return compose !== undefined && engine !== undefined;
}

/** The variables a child needs to run at all: the rest of our environment (keys, options) stays with us. */
export function baseEnv(env: Env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "JAVA_HOME", "LD_LIBRARY_PATH"]) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** The full path of a program on PATH. */
export function onPath(name: string, env: Env): string | undefined {
  for (const dir of (env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const found = executable(join(dir, name));
    if (found) return found;
  }
  return undefined;
}

async function findRedis(env: Env): Promise<string | undefined> {
  const path = onPath("redis-server", env);
  const output = path ? await ask(path, ["--version"], env) : undefined;
  const [major, minor] = (output ? redisVersion(output) : undefined) ?? [0, 0];
  return major > 6 || (major === 6 && minor >= 2) ? path : undefined;
}

/** What the program prints (java writes its version to stderr), or undefined when it fails. */
async function ask(command: string, args: readonly string[], env: Env): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(command, [...args], { env: { ...env }, timeout: ASK_WAIT_MS });
    return stdout + stderr;
  } catch {
    return undefined;
  }
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
