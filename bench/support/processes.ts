/** CPU time and memory of processes and what they started (Postgres works in children), from Linux's /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const SAMPLE_MS = 1_000;

type Stat = { readonly pid: number; readonly parent: number; readonly cpu_ms: number; readonly resident_bytes: number };

/** @returns undefined when the process is gone, or where there is no /proc. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [parent = 0, ticks = 0, pages = 0] = [fields[1], (fields[11] ?? 0) + (fields[12] ?? 0), fields[21]];
    return { pid, parent, cpu_ms: ticks * TICK_MS, resident_bytes: pages * 4096 };
  } catch {
    return undefined;
  }
}

type Usage = { readonly cpu_ms: number; readonly resident_bytes: number };

/** CPU of the process and of all that it started; memory of the largest of them, since they share most of it. */
function usageOf(root: number, children: ReadonlyMap<number, readonly Stat[]>, used: Map<number, number>): Usage {
  const below = (pid: number): readonly Stat[] => (children.get(pid) ?? []).flatMap((one) => [one, ...below(one.pid)]);
  const all = [statOf(root), ...below(root)].filter((stat) => stat !== undefined);
  for (const { pid, cpu_ms } of all) used.set(pid, cpu_ms);
  return {
    // What those used that have ended since they were seen stays used.
    cpu_ms: [...used.values()].reduce((sum, cpu_ms) => sum + cpu_ms, 0),
    resident_bytes: Math.max(0, ...all.map(({ resident_bytes }) => resident_bytes)),
  };
}

function childrenByParent(): ReadonlyMap<number, readonly Stat[]> {
  let names: string[] = [];
  try {
    names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return new Map();
  }
  const stats = names.map((name) => statOf(Number(name))).filter((stat) => stat !== undefined);
  return Map.groupBy(stats, ({ parent }) => parent);
}

export type Sampler = {
  /** CPU used since the start and the highest memory seen, by process name. */
  stop(): Map<string, { cpu_ms: number; resident_mib_max: number }>;
};

/** Samples the named processes once a second. */
export function sample(processes: readonly { readonly name: string; readonly pid: number }[]): Sampler {
  const used = new Map(processes.map(({ name }) => [name, new Map<number, number>()]));
  const look = () => {
    const children = childrenByParent();
    return new Map(processes.map(({ name, pid }) => [name, usageOf(pid, children, used.get(name) ?? new Map())]));
  };
  const first = look();
  const highest = new Map<string, number>();
  const remember = () => {
    const now = look();
    for (const [name, { resident_bytes }] of now) {
      highest.set(name, Math.max(resident_bytes, highest.get(name) ?? 0));
    }
    return now;
  };
  const timer = setInterval(remember, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      return new Map(
        [...remember()].map(([name, { cpu_ms }]) => {
          const resident_mib_max = Math.round((highest.get(name) ?? 0) / 2 ** 20);
          return [name, { cpu_ms: cpu_ms - (first.get(name)?.cpu_ms ?? 0), resident_mib_max }];
        }),
      );
    },
  };
}
