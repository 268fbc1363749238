import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * When a process began, as an opaque string: with its pid this names it for good, because a reused pid has another
 * birth. Undefined when there is no such process (a zombie counts as gone).
 */
export function birthOf(pid: number): string | undefined {
  if (process.platform === "linux") return birthFromProc(pid);
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    const [state = "", ...start] = execFileSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], options)
      .trim()
      .split(/\s+/);
    return state === "" || state.startsWith("Z") ? undefined : start.join(" ");
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/pid/stat is the start in ticks since boot; the name in field 2 may hold spaces and brackets. */
function birthFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
    return `${boot}-${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** Signals a process group, or the process alone where it leads none; false when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return true;
    } catch {
      // The group is gone or not ours: the process itself is the second try.
    }
  }
  return false;
}

/** Waits until the process is gone; false when it still runs after the wait. */
export async function waitGone(pid: number, birth: string, wait_ms: number): Promise<boolean> {
  const end_ms = Date.now() + wait_ms;
  while (birthOf(pid) === birth) {
    if (Date.now() >= end_ms) return false;
    await sleep(50);
  }
  return true;
}
