import { copyFileSync, openSync, readdirSync, renameSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

/** A log larger than this moves to `<name>.log.1`, so that a long run never fills the disk. */
const LOG_BYTES_MAX = 32 * 1024 * 1024;
const CHECK_EVERY_MS = 30_000;

/** Opens a log for appending; a large one from earlier runs moves aside first. */
export function openLog(path: string): number {
  if (sizeOf(path) > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o600);
}

/**
 * Keeps the logs of running processes bounded: a large one is copied aside and cut. Writers hold the file in append
 * mode, so they go on at its new end; what they write between the copy and the cut is lost.
 */
export function boundLogs(dir: string): { stop(): void } {
  const timer = setInterval(() => {
    for (const file of readdirSync(dir).filter((name) => name.endsWith(".log"))) {
      const path = join(dir, file);
      if (sizeOf(path) <= LOG_BYTES_MAX) continue;
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
    }
  }, CHECK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
