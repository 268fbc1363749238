/** CPU time and memory of processes, from Linux's /proc. */
import { readFileSync } from "node:fs";

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export type Usage = { readonly cpu_ms: number; readonly resident_bytes: number };

/** @returns undefined when the process is gone, or where there is no /proc. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const pages = Number(fields[21]);
    return { cpu_ms: ticks * TICK_MS, resident_bytes: pages * 4096 };
  } catch {
    return undefined;
  }
}

export type Sampler = {
  /** CPU used since the start and the highest memory seen, by process name. */
  stop(): Map<string, { cpu_ms: number; resident_mib_max: number }>;
};

/** Samples the named processes twice a second. */
export function sample(processes: readonly { readonly name: string; readonly pid: number }[]): Sampler {
  const first = new Map(processes.map(({ name, pid }) => [name, usageOf(pid)?.cpu_ms ?? 0]));
  const highest = new Map<string, number>();
  const look = () => {
    for (const { name, pid } of processes) {
      const bytes = usageOf(pid)?.resident_bytes ?? 0;
      if (bytes > (highest.get(name) ?? 0)) highest.set(name, bytes);
    }
  };
  look();
  const timer = setInterval(look, 500);
  return {
    stop() {
      clearInterval(timer);
      look();
      return new Map(
        processes.map(({ name, pid }) => {
          const cpu_ms = (usageOf(pid)?.cpu_ms ?? 0) - (first.get(name) ?? 0);
          return [name, { cpu_ms, resident_mib_max: Math.round((highest.get(name) ?? 0) / 2 ** 20) }];
        }),
      );
    },
  };
}
