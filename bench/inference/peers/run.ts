/** Runs a contender in a process of its own and collects the times of its completions. */
import { fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** @returns epoch ms of each completion within `run_ms` from when it was ready. */
export async function runPeer(file: string, args: readonly string[], run_ms: number): Promise<readonly number[]> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  const times_ms: number[] = [];
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  child.on("message", (message: "ready" | { at_ms: number }) => {
    if (message === "ready") resolve();
    else times_ms.push(message.at_ms);
  });
  child.once("exit", (code) => reject(new Error(`${file} ended with ${code}`)));
  try {
    await ready;
    await sleep(run_ms);
  } finally {
    child.kill();
  }
  return times_ms;
}
