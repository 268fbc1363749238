import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";
import type { PartPlan } from "./part.ts";
import { DEFAULT_PORTS } from "./ports.ts";

/** Redis with an append-only file in `data/redis`, synced every second. */
export function redisPlan(home: Home, binary: string, env: Readonly<Record<string, string>>): PartPlan {
  const cwd = join(home.data, "redis");
  const url = ([port]: readonly number[]): string => `redis://127.0.0.1:${port}`;
  return {
    name: "redis",
    default_ports: [DEFAULT_PORTS.redis],
    data: cwd,
    async prepare() {
      mkdirSync(cwd, { recursive: true });
    },
    specs: (ports) => [
      {
        name: "redis",
        command: binary,
        // noeviction: budgets and leases live here, an evicted key would be a lost reservation.
        args: [
          ...["--bind", "127.0.0.1", "--port", String(ports[0]), "--protected-mode", "yes", "--daemonize", "no"],
          ...["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"],
        ],
        env,
        cwd,
        url: url(ports),
        ready: (tail) => tail.includes("Ready to accept connections"),
      },
    ],
    url,
  };
}
