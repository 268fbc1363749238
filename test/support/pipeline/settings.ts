/** A settings file of a pipeline's own: `sluice.yaml` with other names for topics and groups, and what a test changes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";

/** As nested as the settings; objects are merged, everything else replaces what was there. */
export type SettingsChanges = { readonly [name: string]: unknown };

/** Quick enough for a test to watch a member being given up, on a machine that others use as well. */
const SESSION_TIMEOUT_MS = 6_000;

/** Most tests count calls: each request has one, of the default tier, unless a test says otherwise. */
const MODEL_EVERY_TIME: SettingsChanges = {
  cache: { exact: { enabled: false }, coalesce: { enabled: false }, semantic: { enabled: false } },
  routing: { complexity: { method: "none" } },
};

export type OwnSettings = { readonly file: string; readonly settings: Settings };

/** Writes `<dir>/sluice.yaml`. Topics, groups and transactional ids begin with `prefix`. */
export function writeSettings(root: string, dir: string, prefix: string, changes: SettingsChanges): OwnSettings {
  const base = parse(readFileSync(join(root, "sluice.yaml"), "utf8")) as SettingsChanges;
  const own = {
    topics: { prefix },
    redis: { key_prefix: prefix },
    consumption: { group_prefix: prefix, session_timeout_ms: SESSION_TIMEOUT_MS },
    tenants: { demo: { plan: "default" }, other: { plan: "default" } },
    ...MODEL_EVERY_TIME,
  };
  const text = stringify(merge(merge(base, own), changes));
  const file = join(dir, "sluice.yaml");
  writeFileSync(file, text);
  return { file, settings: parseSettings(text, file) };
}

function merge(base: SettingsChanges, changes: SettingsChanges): SettingsChanges {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, change] of Object.entries(changes)) {
    const known = merged[name];
    merged[name] = isObject(known) && isObject(change) ? merge(known, change) : change;
  }
  return merged;
}

function isObject(value: unknown): value is SettingsChanges {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
