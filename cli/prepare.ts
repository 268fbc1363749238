/** What `up` does before the services start: topics and schemas, and the demo tenant's key. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../libs/shared/clock.ts";
import { ensureTopics } from "../libs/shared/kafka/topology.ts";
import { hashKey, KEY_RANDOM_BYTES, keyId, makeKey } from "../libs/shared/keys.ts";
import { untilAvailable } from "../libs/shared/retry.ts";
import type { Stack } from "../tools/stack/up.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { publishKeys } from "./keys/store.ts";

const DEMO_TENANT = "demo";
const RETRY = { base_ms: 100, cap_ms: 1_000 };

/** Creates missing topics, registers the schemas, and makes the demo key known. */
export async function prepare(stack: Stack): Promise<void> {
  const context = await openContext(stack.env);
  const retry = { clock: systemClock, random: Math.random, log: context.log, policy: RETRY };
  const stopped = () => stack.signal.aborted;
  await Promise.all([
    untilAvailable(retry, "topics", () => ensureTopics(context.kafka, context.settings), stopped),
    untilAvailable(retry, "schemas", () => registerSchemas(context), stopped),
  ]);
  if (Object.hasOwn(context.settings.tenants, DEMO_TENANT)) {
    const key = await demoKey(stack.dir);
    await untilAvailable(retry, "demo key", () => publishDemoKey(context, key), stopped);
  }
}

/** The demo tenant's key: random, made at the first start, kept in a file that only the user can read. */
export async function demoKey(dir: string): Promise<string> {
  const file = join(dir, "demo.key");
  if (existsSync(file)) {
    const known = (await readFile(file, "utf8")).trim();
    if (keyId(known) !== undefined) return known;
  }
  const { key } = makeKey(randomBytes(KEY_RANDOM_BYTES));
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  return key;
}

async function publishDemoKey(context: CliContext, key: string): Promise<void> {
  await publishKeys(context, [
    {
      kind: "key",
      id: keyId(key) ?? "",
      tenant: DEMO_TENANT,
      hash: hashKey(key),
      scopes: ["submit", "read", "admin"],
      created_ms: systemClock.now_ms(),
    },
  ]);
}
