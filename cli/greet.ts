/** What `up` prints once all is ready: addresses, the keys, and commands to try that work as they are printed. */
import { relative } from "node:path";
import { loadSettings } from "../libs/shared/config/load.ts";
import { topicNames } from "../libs/shared/events/topics.ts";
import type { Stack } from "../tools/stack/up.ts";
import { adminKey, demoKey } from "./prepare.ts";
import { DEMO_TENANT } from "./sample.ts";

export type Greeting = {
  readonly gateway: string;
  /** Undefined where no gateway serves it. */
  readonly console: string | undefined;
  /** The demo tenant's key; undefined where the settings have no such tenant. */
  readonly key: string | undefined;
  /** Signs in to the console as an administrator; undefined where there is no demo tenant. */
  readonly admin_key: string | undefined;
  readonly tenant: string | undefined;
  /** Where `up` keeps its files, when it is not the place where the other verbs look: relative to the checkout. */
  readonly dir: string | undefined;
  readonly brokers: string;
  readonly requests_topic: string;
};

/** Prints the greeting; nothing where only the parts run. */
export async function greet(stack: Stack): Promise<void> {
  const { gateway, console: page, kafka } = stack.endpoints;
  if (gateway === null) return;
  const settings = await loadSettings(stack.settings_path);
  const has_demo = Object.hasOwn(settings.tenants, DEMO_TENANT);
  const dir = relative(stack.root, stack.dir);
  const lines = greetingLines({
    gateway,
    console: page ?? undefined,
    key: has_demo ? await demoKey(stack.dir) : undefined,
    admin_key: has_demo ? await adminKey(stack.dir) : undefined,
    tenant: has_demo ? DEMO_TENANT : Object.keys(settings.tenants)[0],
    dir: dir === ".sluice" ? undefined : dir,
    brokers: kafka,
    requests_topic: topicNames(settings.topics.prefix).requests,
  });
  for (const line of lines) stack.progress.say(line);
}

/** The greeting, line by line. Pure. */
export function greetingLines(greeting: Greeting): string[] {
  const { gateway, console: page, key, admin_key, tenant, dir, brokers, requests_topic } = greeting;
  const sluice = dir === undefined ? "npx sluice" : `SLUICE_DIR=${quoted(dir)} npx sluice`;
  const body = JSON.stringify({ model: "auto", messages: [{ role: "user", content: "What is a dead letter?" }] });
  const record = JSON.stringify({ tenant, body: { messages: [{ role: "user", content: "Hello from kcat" }] } });
  const as = tenant === undefined || tenant === "demo" ? "" : ` --tenant ${tenant}`;
  return [
    "",
    `gateway   ${gateway}`,
    ...(page === undefined ? [] : [`console   ${page}`]),
    ...(key === undefined ? [] : [`demo key  ${key}`]),
    ...(page === undefined || admin_key === undefined ? [] : [`admin key ${admin_key}   # signs in to the console`]),
    "",
    "Try next, in another terminal:",
    ...(key === undefined
      ? []
      : [
          `  curl ${gateway}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\`,
          `    -d '${body}'`,
        ]),
    ...(tenant === undefined
      ? []
      : [
          `  ${sluice} send "What is a consumer group?"${as} --wait`,
          `  ${sluice} send "Could you tell me why the sky is blue?"${as} --wait   # after the sample: from the cache, by meaning`,
          `  ${sluice} cache stats`,
        ]),
    `  ${sluice} tail results --from 10m`,
    `  ${sluice} replay --since 10m   # the same requests once more, without a call; asks first`,
    `  ${sluice} topics`,
    ...(tenant === undefined
      ? []
      : [`  echo '${record}' | kcat -P -b ${brokers.split(",")[0]} -t ${requests_topic}   # or any Kafka client`]),
    "",
    "Ctrl-C stops everything.",
  ];
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
