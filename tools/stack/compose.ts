import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { SluiceError } from "../../libs/shared/errors.ts";
import { addressOf } from "./given.ts";
import type { Home, PartName } from "./home.ts";
import { answers, DEFAULT_PORTS, type PortBook } from "./ports.ts";
import { answersOk } from "./supervisor.ts";
import type { Env } from "./tools.ts";

const run = promisify(execFile);
const UP_WAIT_MS = 10 * 60_000;
const READY_WAIT_MS = 120_000;
const STOP_WAIT_MS = 60_000;

export type ComposeParts = {
  readonly urls: Readonly<Record<PartName, string>>;
  restart(name: PartName): Promise<void>;
  /** Stops the containers; their volumes stay unless `wipe`. */
  stop(options?: { readonly wipe: boolean }): Promise<void>;
};

export type ComposeInput = {
  readonly home: Home;
  readonly env: Env;
  readonly names: readonly PartName[];
  readonly ports: PortBook;
  readonly ephemeral: boolean;
};

/** The parts as containers, in a compose project named after this stack's folder. */
export async function startCompose(input: ComposeInput): Promise<ComposeParts> {
  const { home, names, ports } = input;
  const take = (port: number): Promise<number> => ports.take(input.ephemeral ? undefined : port);
  const chosen = {
    KAFKA_PORT: await take(DEFAULT_PORTS.kafka),
    REGISTRY_PORT: await take(DEFAULT_PORTS.schema_registry),
    REDIS_PORT: await take(DEFAULT_PORTS.redis),
    POSTGRES_PORT: await take(DEFAULT_PORTS.postgres),
  };
  const password = keptPassword(home);
  const numbers = Object.entries(chosen).map(([name, port]) => [name, String(port)]);
  const env = { ...input.env, ...Object.fromEntries(numbers), POSTGRES_PASSWORD: password };
  const compose = (args: readonly string[], timeout: number): Promise<unknown> =>
    run("docker", ["compose", "-p", `sluice-${home.id}`, "-f", composeFile(home), ...args], { env, timeout });

  const urls = {
    kafka: `127.0.0.1:${chosen.KAFKA_PORT}`,
    schema_registry: `http://127.0.0.1:${chosen.REGISTRY_PORT}/apis/ccompat/v7`,
    redis: `redis://127.0.0.1:${chosen.REDIS_PORT}`,
    postgres: `postgres://sluice:${password}@127.0.0.1:${chosen.POSTGRES_PORT}/sluice`,
  };
  const stop = async ({ wipe } = { wipe: false }): Promise<void> => {
    await compose(wipe ? ["down", "-v"] : ["stop"], STOP_WAIT_MS);
    if (wipe) rmSync(passwordFile(home), { force: true });
  };
  try {
    await compose(["up", "-d", ...names], UP_WAIT_MS);
    await Promise.all(names.map((name) => waitAnswer(name, urls[name])));
  } catch (cause) {
    await stop().catch(() => {});
    if (cause instanceof SluiceError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError("part_failed", `docker compose did not bring the parts up: ${why}`, { cause });
  }
  return {
    urls,
    async restart(name) {
      await compose(["restart", name], STOP_WAIT_MS);
      await waitAnswer(name, urls[name]);
    },
    stop,
  };
}

function composeFile(home: Home): string {
  return join(home.root, "docker-compose.yml");
}

async function waitAnswer(name: PartName, url: string): Promise<void> {
  const address = addressOf(url);
  const end_ms = Date.now() + READY_WAIT_MS;
  while (Date.now() < end_ms) {
    if (name === "schema_registry") {
      if (await answersOk(`${url}/subjects`).catch(() => false)) return;
    } else if (address && (await answers(address.host, address.port, 1_000))) return;
    await sleep(200);
  }
  throw new SluiceError("part_failed", `${name} was not ready within ${READY_WAIT_MS / 1000} s in its container`, {
    fix: `See docker compose logs ${name}.`,
  });
}

function passwordFile(home: Home): string {
  return join(home.dir, "compose-postgres.password");
}

function keptPassword(home: Home): string {
  const path = passwordFile(home);
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString("base64url"), { mode: 0o600 });
  return readFileSync(path, "utf8").trim();
}
