/** What answers a load run, and on what: the checkout, the settings, the machine. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { promisify } from "node:util";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { ROOT } from "../context.ts";
import type { Machine, Versions } from "./record.ts";

const run = promisify(execFile);

export async function versionsOf(settings: Settings, settings_file: string): Promise<Versions> {
  const [git, text] = await Promise.all([gitState(), readFile(settings_file)]);
  const tiers = Object.entries(settings.tiers).map(([name, { models, prompts, prompt }]) => {
    const chosen = prompt === undefined ? undefined : prompts[prompt];
    const said =
      prompt === undefined || chosen === undefined ? {} : { prompt: { version: prompt, sha256: sha256(chosen) } };
    return [name, { models, ...said }] as const;
  });
  return {
    git,
    settings_sha256: sha256(text),
    price_version: settings.prices.version,
    tiers: Object.fromEntries(tiers),
  };
}

async function gitState(): Promise<Versions["git"]> {
  try {
    const [head, status] = await Promise.all([
      run("git", ["rev-parse", "HEAD"], { cwd: ROOT }),
      run("git", ["status", "--porcelain", "--untracked-files=no"], { cwd: ROOT }),
    ]);
    return { revision: head.stdout.trim(), is_changed: status.stdout.trim() !== "" };
  } catch {
    return undefined;
  }
}

export function machine(): Machine {
  const all = cpus();
  return {
    cores: all.length,
    cpu: all[0]?.model ?? "unknown",
    memory_bytes: totalmem(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** In hex. */
export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
