import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** The parts, by the names they have in `run.json`'s endpoints, in logs and in errors. */
export const PART_NAMES = ["kafka", "schema_registry", "redis", "postgres"] as const;
export type PartName = (typeof PART_NAMES)[number];

/** Where one running stack keeps what it knows: `.sluice` for `up`, another folder for tests and benchmarks. */
export type Home = {
  /** The checkout. */
  readonly root: string;
  /** The folder of this stack; everything below lives in it except `parts`. */
  readonly dir: string;
  readonly data: string;
  readonly logs: string;
  /** Generated configuration of the parts. */
  readonly etc: string;
  /** One file per child: how a later run finds what a crashed one left behind. */
  readonly pids: string;
  readonly lock_file: string;
  readonly run_file: string;
  /** Binaries from Maven Central, shared by every stack of the checkout. */
  readonly parts: string;
  /** Ten characters that tell this stack from others on the machine. */
  readonly id: string;
};

/** Names the folders of a stack and makes them. Traversable by other users, because Postgres may run as one. */
export function openHome(root: string, dir: string = join(root, ".sluice")): Home {
  const home: Home = {
    root,
    dir,
    data: join(dir, "data"),
    logs: join(dir, "logs"),
    etc: join(dir, "etc"),
    pids: join(dir, "pids"),
    lock_file: join(dir, "lock"),
    run_file: join(dir, "run.json"),
    parts: join(root, ".sluice", "parts"),
    id: createHash("sha256").update(dir).digest("hex").slice(0, 10),
  };
  for (const path of [home.dir, home.data, home.logs, home.etc, home.pids]) mkdirSync(path, { recursive: true });
  return home;
}
