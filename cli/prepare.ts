/** What `up` does before the services start: topics and schemas, and the keys of the local default. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../libs/shared/clock.ts";
import type { KeyRecord, KeyScope } from "../libs/shared/events/tenants.ts";
import { ensureTopics } from "../libs/shared/kafka/topology.ts";
import { hashKey, KEY_RANDOM_BYTES, keyId, makeKey } from "../libs/shared/keys.ts";
import { untilAvailable } from "../libs/shared/retry.ts";
import type { Stack } from "../tools/stack/up.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { orGiveUp } from "./give-up.ts";
import { publishKeys } from "./keys/store.ts";

const DEMO_TENANT = "demo";
const RETRY = { base_ms: 100, cap_ms: 1_000 };

/** Creates missing topics, registers the schemas, and makes the demo key known. */
export async function prepare(stack: Stack): Promise<void> {
  const context = await openContext(stack.env);
  const retry = { clock: systemClock, random: Math.random, log: context.log, policy: RETRY };
  const stopped = () => stack.signal.aborted;
  await Promise.all([
    untilAvailable(retry, "topics", () => orGiveUp(ensureTopics(context.kafka, context.settings)), stopped),
    untilAvailable(retry, "schemas", () => orGiveUp(registerSchemas(context)), stopped),
  ]);
  if (Object.hasOwn(context.settings.tenants, DEMO_TENANT)) {
    const [demo, admin] = await Promise.all([demoKey(stack.dir), adminKey(stack.dir)]);
    await untilAvailable(retry, "local keys", () => publishLocalKeys(context, demo, admin), stopped);
  }
}

/** The demo tenant's key. */
export function demoKey(dir: string): Promise<string> {
  return keptKey(join(dir, "demo.key"));
}

/** The key that signs in to the console as an administrator, where the demo tenant is there. */
export function adminKey(dir: string): Promise<string> {
  return keptKey(join(dir, "admin.key"));
}

/** Random, made at the first start, kept in a file that only the user can read. */
async function keptKey(file: string): Promise<string> {
  if (existsSync(file)) {
    const known = (await readFile(file, "utf8")).trim();
    if (keyId(known) !== undefined) return known;
  }
  const { key } = makeKey(randomBytes(KEY_RANDOM_BYTES));
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  return key;
}

async function publishLocalKeys(context: CliContext, demo: string, admin: string): Promise<void> {
  const recordOf = (key: string, scopes: readonly KeyScope[]): KeyRecord => ({
    kind: "key",
    id: keyId(key) ?? "",
    tenant: DEMO_TENANT,
    hash: hashKey(key),
    scopes: [...scopes],
    created_ms: systemClock.now_ms(),
  });
  await publishKeys(context, [recordOf(demo, ["submit", "read"]), recordOf(admin, ["submit", "read", "admin"])]);
}
