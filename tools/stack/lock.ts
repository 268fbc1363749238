import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { birthOf } from "./os-process.ts";

const TAKE_ATTEMPTS_MAX = 5;

export type Holder = { readonly pid: number; readonly birth: string };
export type LockResult = { readonly release: () => void } | { readonly held_by: Holder };

/**
 * Takes a lock file for this process. A lock whose holder is dead is taken over; a live holder is returned. The file
 * appears by a hard link, so it is never seen half written.
 */
export function takeLock(path: string): LockResult {
  const mine: Holder = { pid: process.pid, birth: birthOf(process.pid) ?? "unknown" };
  const text = JSON.stringify(mine);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < TAKE_ATTEMPTS_MAX; attempt++) {
      if (tryLink(draft, path)) return { release: () => releaseLock(path, text) };
      const seen = readText(path);
      const holder = seen === undefined ? undefined : parseHolder(seen);
      if (holder && birthOf(holder.pid) === holder.birth) return { held_by: holder };
      if (seen !== undefined) removeStale(path, seen);
    }
    throw new Error(`could not take the lock ${path}`);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Takes the lock, waiting for its holder, up to the bound. */
export async function waitLock(path: string, wait_ms: number): Promise<() => void> {
  const end_ms = Date.now() + wait_ms;
  for (;;) {
    const result = takeLock(path);
    if ("release" in result) return result.release;
    if (Date.now() >= end_ms) throw new Error(`process ${result.held_by.pid} has held ${path} for too long`);
    await sleep(200);
  }
}

/** The lock's live holder, if there is one. */
export function lockHolder(path: string): Holder | undefined {
  const text = readText(path);
  const holder = text === undefined ? undefined : parseHolder(text);
  return holder && birthOf(holder.pid) === holder.birth ? holder : undefined;
}

/** Moves the stale file away first: when another process was quicker and it is its fresh lock, it goes back. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readText(aside) !== stale) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function releaseLock(path: string, text: string): void {
  if (readText(path) === text) rmSync(path, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    return typeof value.pid === "number" && typeof value.birth === "string"
      ? { pid: value.pid, birth: value.birth }
      : undefined;
  } catch {
    return undefined;
  }
}
