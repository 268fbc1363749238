/**
 * What `npm start` and `npm test` run: works on a fresh clone with the system's Node 20 or newer, installs when that is
 * needed, then hands over to the Node that package.json pins. Plain JavaScript without dependencies for that reason.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 20;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const programs = { start: ["cli/sluice.ts", "up", "--sample"], test: ["tools/test.ts"] };

/** Everything said here goes to stderr: stdout belongs to the program. */
function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}

/** True when node_modules is missing or older than the lock file it comes from. */
function needsInstall() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed) || !existsSync(join(root, "node_modules", ".bin", "node"))) return true;
  return statSync(installed).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs;
}

/** Runs npm quietly in the checkout. Under npm its own path is known; otherwise the one on PATH serves. */
function npm(args) {
  const path = process.env["npm_execpath"];
  const [command, first] = path?.endsWith(".js") ? [process.execPath, [path]] : ["npm", []];
  const result = spawnSync(command, [...first, ...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.signal) process.exit(128 + constants.signals[result.signal]);
  const output = `${result.error?.message ?? ""}${result.stdout ?? ""}${result.stderr ?? ""}`.trim();
  return { ok: result.status === 0, output };
}

/** Installs what the lock file names; npm's output is shown only when that fails. */
function install() {
  say("installing the packages (npm ci, once)…");
  const begin_ms = Date.now();
  const result = npm(["ci"]);
  if (!result.ok) {
    say(result.output);
    fail("The packages could not be installed; the lines above say why.");
  }
  say(`installed in ${((Date.now() - begin_ms) / 1000).toFixed(1)} s`);
}

/**
 * Runs the program on the pinned Node and exits as it does. Every signal is passed on: the child treats one that comes
 * twice (from the terminal and from here) as one.
 */
function handOver(program, args) {
  const node = join(root, "node_modules", ".bin", "node");
  // What Node compiles is kept, for this program and all that it starts.
  const env = { NODE_COMPILE_CACHE: join(root, ".sluice", "compile-cache"), ...process.env };
  const child = spawn(node, [...program, ...args], { cwd: root, stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => fail(`could not run ${node}: ${error.message}`));
  child.once("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}

const [verb = "", ...args] = process.argv.slice(2);
const program = programs[verb];
if (!program) fail("usage: node tools/bootstrap.mjs start|test [arguments]");
const major = Number(process.versions.node.split(".")[0]);
if (major < NODE_MAJOR_MIN) {
  fail(
    `Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.versions.node}. Install it from https://nodejs.org`,
  );
}
if (needsInstall()) install();
handOver(program, args);
