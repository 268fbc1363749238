import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { Home } from "./home.ts";
import type { CertificateFiles, PartPlan } from "./part.ts";
import { DEFAULT_PORTS } from "./ports.ts";

const run = promisify(execFile);
const INITDB_WAIT_MS = 60_000;
const USER = "sluice";
const DATABASE = "sluice";

type OsUser = { readonly uid: number; readonly gid: number };

/** Postgres with a random password, kept beside its data (0600): other users share the loopback interface. */
export function postgresPlan(
  home: Home,
  env: Readonly<Record<string, string>>,
  certificate?: CertificateFiles,
): PartPlan {
  // Postgres refuses to run as root, so there it runs as another user.
  const user = process.getuid?.() === 0 ? unprivilegedUser() : undefined;
  const place = placeFor(home, user);
  const url = ([port]: readonly number[], database = DATABASE): string =>
    `postgres://${USER}:${password(place)}@127.0.0.1:${port}/${database}`;
  return {
    name: "postgres",
    default_ports: [DEFAULT_PORTS.postgres],
    data: place.data,
    async prepare() {
      await initialise(place, user, env);
      if (certificate !== undefined) copyCertificate(place, certificate, user);
    },
    specs: (ports) => [
      {
        name: "postgres",
        command: join(place.bin, "postgres"),
        args: ["-D", place.data, ...settings(Number(ports[0])), ...(certificate === undefined ? [] : TLS)],
        env: { ...env, LC_ALL: "C" },
        cwd: place.data,
        ...(user ? { user } : {}),
        // SIGTERM would wait for every client to leave; SIGINT is Postgres's fast, clean shutdown.
        stop_signal: "SIGINT",
        url: url(ports),
        ready: (tail) => tail.includes("database system is ready to accept connections"),
      },
    ],
    url: (ports) => url(ports),
    finish: (ports) => createDatabase(url(ports, "postgres")),
  };
}

function settings(port: number): readonly string[] {
  const values = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    shared_buffers: "64MB",
    max_connections: 100,
    fsync: "on",
    // No replicas here: fewer helper processes and a smaller log.
    wal_level: "minimal",
    max_wal_senders: 0,
    io_method: "sync",
    jit: "off",
    timezone: "UTC",
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

const TLS = ["-c", "ssl=on", "-c", "ssl_cert_file=server.crt", "-c", "ssl_key_file=server.key"];

/** Beside the data: Postgres takes no key that others could read. */
function copyCertificate(place: Place, files: CertificateFiles, user: OsUser | undefined): void {
  for (const [name, from] of [
    ["server.crt", files.certificate],
    ["server.key", files.key],
  ] as const) {
    const path = join(place.data, name);
    writeFileSync(path, readFileSync(from), { mode: 0o600 });
    chmodSync(path, 0o600);
    if (user) chownSync(path, user.uid, user.gid);
  }
}

type Place = { readonly bin: string; readonly data: string };

/**
 * Where binaries and data lie. Another user cannot reach a checkout in a private folder (/root): then both live under
 * /var/tmp, in a folder of that user alone.
 */
function placeFor(home: Home, user: OsUser | undefined): Place {
  const bin = join(home.parts, "postgres", "bin");
  const data = join(home.data, "postgres");
  if (!user) return { bin, data };
  for (const path of [home.dir, home.data, home.parts]) chmodSync(path, 0o755);
  if (reachable(bin) && reachable(home.data)) return { bin, data };
  const outside = join("/var/tmp", `sluice-${home.id}`);
  mkdirSync(outside, { recursive: true, mode: 0o700 });
  const stat = lstatSync(outside);
  if (!stat.isDirectory() || (stat.uid !== 0 && stat.uid !== user.uid)) throw new Error(`${outside} is another user's`);
  chownSync(outside, user.uid, user.gid);
  cpSync(join(home.parts, "postgres"), join(outside, "pgsql"), { recursive: true, verbatimSymlinks: true });
  chmodSync(join(outside, "pgsql"), 0o755);
  return { bin: join(outside, "pgsql", "bin"), data: join(outside, "data") };
}

/** True when every folder above may be passed by everyone. */
function reachable(path: string): boolean {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if ((lstatSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
}

/** initdb works in a folder beside, renamed when complete, so that a crash never leaves half a database. */
async function initialise(
  place: Place,
  user: OsUser | undefined,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  if (existsSync(join(place.data, "PG_VERSION"))) return;
  const draft = `${place.data}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  const password_file = `${place.data}.initdb`;
  writeFileSync(password_file, password(place), { mode: 0o600 });
  if (user) for (const path of [draft, password_file]) chownSync(path, user.uid, user.gid);
  const options = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", `--username=${USER}`];
  try {
    await run(join(place.bin, "initdb"), ["-D", draft, ...options, `--pwfile=${password_file}`], {
      cwd: draft,
      env: { ...env, LC_ALL: "C" },
      timeout: INITDB_WAIT_MS,
      ...(user ?? {}),
    });
  } finally {
    rmSync(password_file, { force: true });
  }
  renameSync(draft, place.data);
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = $1", [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** Made once, beside the data it opens: deleting one folder takes both. */
function password(place: Place): string {
  const path = `${place.data}.password`;
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString("base64url"), { mode: 0o600 });
  return readFileSync(path, "utf8").trim();
}

/** `postgres` where the system has that user, else `nobody`; initdb wants one that /etc/passwd knows. */
function unprivilegedUser(): OsUser {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("Postgres does not run as root, and /etc/passwd has neither the user postgres nor nobody");
}
