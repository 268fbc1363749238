/**
 * A real receiver of traces, for the test and the bench: an OpenTelemetry Collector (OTLP over HTTP in, a file of OTLP JSON out), built
 * once from the Go module proxy into `.sluice`, its modules pinned by `go.sum`. Where there is no Go, or it takes too long, there is none.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ReceivedSpan, spansIn } from "./spans.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCES = ["go.mod", "go.sum", "main.go"] as const;
const BUILD_MS_MAX = 180_000;
const START_MS_MAX = 15_000;
const run = promisify(execFile);

export type Binary = { readonly path: string } | { readonly missing: string };

/** Built if it is not there yet; what was compiled before an end by time is there for the next try. */
export async function receiverBinary(root: string): Promise<Binary> {
  const hash = createHash("sha256");
  for (const name of SOURCES) hash.update(readFileSync(join(HERE, name)));
  const dir = join(root, ".sluice", "bin");
  const path = join(dir, `otlp-receiver-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(path)) return { path };
  mkdirSync(dir, { recursive: true });
  const made = `${path}.${process.pid}`;
  try {
    await run("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", made, "."], {
      cwd: HERE,
      env: { ...process.env, GOFLAGS: "-mod=readonly -buildvcs=false", CGO_ENABLED: "0" },
      timeout: BUILD_MS_MAX,
    });
    renameSync(made, path);
    return { path };
  } catch (error) {
    rmSync(made, { force: true });
    const { code, killed, stderr = "" } = error as { code?: unknown; killed?: boolean; stderr?: string };
    if (code === "ENOENT") return { missing: "there is no go, which builds the receiver" };
    if (killed) return { missing: `the receiver was not built in ${BUILD_MS_MAX / 1_000} s; the next try goes on` };
    return { missing: `the receiver could not be built: ${stderr.trim().split("\n").at(-1) ?? ""}` };
  }
}

export type Receiver = {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** All that it has written so far. */
  spans(): readonly ReceivedSpan[];
  /** As it stands in the file. */
  text(): string;
  stop(): Promise<void>;
};

/** @param dir of its own: settings, spans and log are there. */
export async function startReceiver(path: string, dir: string): Promise<Receiver> {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const file = join(dir, "spans.jsonl");
  const config = join(dir, "receiver.yaml");
  rmSync(file, { force: true });
  writeFileSync(config, settingsOf(port, file));
  const child = spawn(path, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
  });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const end_ms = Date.now() + START_MS_MAX;
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > end_ms) {
      child.kill("SIGKILL");
      throw new Error(`the receiver did not start: ${said}`);
    }
    await sleep(50);
  }
  const text = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
  return {
    url,
    text,
    spans: () => spansIn(text()),
    async stop() {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

function settingsOf(port: number, file: string): string {
  return JSON.stringify({
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { file: { path: file, flush_interval: "100ms" } },
    service: {
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
      pipelines: { traces: { receivers: ["otlp"], exporters: ["file"] } },
    },
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/v1/traces`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    return true;
  } catch {
    return false;
  }
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
