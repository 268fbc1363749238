import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Home } from "./home.ts";
import { waitLock } from "./lock.ts";
import { runMaven } from "./maven.ts";
import { type Env, onPath, type Tools } from "./tools.ts";
import { trainArchives } from "./training.ts";
import { type Platform, platformOf, postgresPlatform, redisBinary } from "./versions.ts";

const run = promisify(execFile);
const BUILD_WAIT_MS = 15 * 60_000;
const UNPACK_WAIT_MS = 120_000;

type BuildInput = {
  readonly home: Home;
  readonly tools: Tools;
  readonly env: Env;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
};

/** True when the parts lie ready, made from this pom for this machine's Java. Then Maven is not needed. */
export function partsAreBuilt(home: Home, tools: Tools): boolean {
  const stamp = join(home.parts, "stamp");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === stampOf(home, tools);
}

/**
 * Fetches the parts from Maven Central into `.sluice/parts`, once per checkout and pom. The stamp is written last: a
 * build that was cut short is done again. Two stacks of one checkout wait for each other.
 */
export async function ensureParts(input: BuildInput): Promise<void> {
  const { home, tools, say } = input;
  if (partsAreBuilt(home, tools)) return;
  const platform = thisPlatform();
  mkdirSync(join(home.root, ".sluice"), { recursive: true });
  const release = await waitLock(`${home.parts}.lock`, BUILD_WAIT_MS);
  try {
    if (partsAreBuilt(home, tools)) return;
    const begin_ms = Date.now();
    say("fetching Kafka, the registry, Redis and Postgres from Maven Central (once, about 200 MB)");
    rmSync(home.parts, { recursive: true, force: true });
    mkdirSync(home.parts, { recursive: true, mode: 0o755 });
    await maven(input, platform);
    await unpackPostgres(home, input.env);
    keepOneRedis(home, platform);
    await trainArchives(input);
    writeFileSync(join(home.parts, "stamp"), stampOf(home, tools));
    say(`the parts are ready to start (${((Date.now() - begin_ms) / 1000).toFixed(1)} s)`);
  } finally {
    release();
  }
}

/** The redis-server that came with the parts. */
export function cachedRedis(home: Home): string {
  return join(home.parts, "redis", "redis-server");
}

function stampOf(home: Home, tools: Tools): string {
  const pom = readFileSync(join(home.root, "tools", "stack", "pom.xml"));
  const parts = [pom, process.platform, process.arch, tools.java?.version ?? "", home.parts];
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

function thisPlatform(): Platform {
  const platform = platformOf(process.platform, process.arch);
  if (platform) return platform;
  throw new SluiceError("part_missing", `There are no local parts for ${process.platform}-${process.arch}`, {
    fix: "Use Docker, or set KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL and DATABASE_URL.",
  });
}

async function maven({ home, tools, env, signal }: BuildInput, platform: Platform): Promise<void> {
  const pom = join(home.root, "tools", "stack", "pom.xml");
  const options = [`-Dparts.dir=${home.parts}`, `-Dpostgres.platform=${postgresPlatform(platform)}`];
  const problem = await runMaven({ mvn: tools.mvn ?? "mvn", pom, options, env, signal });
  if (problem === undefined) return;
  throw new SluiceError("part_missing", `Maven could not fetch the parts:\n${problem}\n`, {
    fix: "Check that Maven Central can be reached (a proxy goes into ~/.m2/settings.xml), then try again.",
    retryable: true,
  });
}

async function unpackPostgres(home: Home, env: Env): Promise<void> {
  const folder = join(home.parts, "postgres");
  const archive = readdirSync(folder).find((name) => name.endsWith(".txz"));
  if (!archive) throw new Error(`no Postgres archive in ${folder}`);
  if (process.platform === "linux" && !onPath("xz", env)) {
    throw new SluiceError("part_missing", "xz is missing, and Postgres comes packed with it", {
      fix: "Install it (Debian: apt-get install xz-utils) and try again.",
    });
  }
  const options = ["-xJf", join(folder, archive), "--no-same-owner", "-C", folder];
  await run("tar", options, { env: { ...env }, timeout: UNPACK_WAIT_MS });
  rmSync(join(folder, archive));
}

/** The jar brings a binary for every system; one stays, under a plain name. */
function keepOneRedis(home: Home, platform: Platform): void {
  const folder = join(home.parts, "redis");
  const names = readdirSync(folder);
  const mine = redisBinary(names, platform);
  if (!mine) throw new Error(`no redis-server for ${platform.os}-${platform.arch} in ${folder}`);
  writeFileSync(cachedRedis(home), readFileSync(join(folder, mine)));
  chmodSync(cachedRedis(home), 0o755);
  for (const name of names) rmSync(join(folder, name), { recursive: true });
}
