/**
 * An S3 server for tests: moto (PyPI), in a virtual environment under .sluice. Run this file to install it, once; it takes half a
 * minute and 140 MB, so no test does it by itself.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const FOLDER = join(ROOT, ".sluice", "moto");
const PROGRAM = join(FOLDER, "bin", "moto_server");
const PACKAGES = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
const START_TRIES_MAX = 200;

/** Why there is none; undefined where it can be started. */
export const NO_S3_SERVER: string | undefined = existsSync(PROGRAM)
  ? undefined
  : "there is no S3 server; `node tools/test/s3-server.ts` installs one (needs python3)";

export type S3Server = { readonly endpoint: string; stop(): Promise<void> };

/** With a bucket of this name. Nothing it is given outlives it. */
export async function startS3Server(bucket: string): Promise<S3Server> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server = spawn(PROGRAM, ["--host", "127.0.0.1", "--port", String(port)], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    server.kill("SIGKILL");
    await ended;
  };
  for (let tries = 1; tries <= START_TRIES_MAX; tries++) {
    const reply = await fetch(`${endpoint}/${bucket}`, { method: "PUT" }).catch(() => undefined);
    if (reply?.ok) return { endpoint, stop };
    if (server.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error("the S3 server does not start");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  execFileSync("python3", ["-m", "venv", FOLDER], { stdio: "inherit" });
  execFileSync(join(FOLDER, "bin", "pip"), ["install", "--quiet", ...PACKAGES], { stdio: "inherit" });
  console.log(`the S3 server is at ${PROGRAM}`);
}
