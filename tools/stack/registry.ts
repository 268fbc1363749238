import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { archiveFlags, type JavaRuntime } from "./jvm.ts";
import type { PartPlan } from "./part.ts";
import { DEFAULT_PORTS } from "./ports.ts";

/** Where Apicurio speaks the protocol of Confluent's registry. */
const API_PATH = "/apis/ccompat/v7";

/** Apicurio Registry with its schemas in an H2 file under `data/schema_registry`, so that schema ids survive. */
export function registryPlan(java: JavaRuntime): PartPlan {
  const { home } = java;
  const app = join(home.parts, "registry");
  const cwd = join(home.data, "schema_registry");
  const url = ([port]: readonly number[]): string => `http://127.0.0.1:${port}${API_PATH}`;
  return {
    name: "schema_registry",
    default_ports: [DEFAULT_PORTS.schema_registry],
    data: cwd,
    async prepare() {
      mkdirSync(cwd, { recursive: true });
    },
    specs: (ports) => [
      {
        name: "schema_registry",
        command: java.path,
        // One compiler tier: it starts in half the CPU time, and a registry has no hot path.
        args: [
          ...["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"],
          ...["-Djava.net.preferIPv4Stack=true", ...archiveFlags(home, "schema_registry")],
          ...["-jar", join(app, runnerJar(app))],
        ],
        env: {
          ...java.env,
          APICURIO_STORAGE_KIND: "sql",
          APICURIO_STORAGE_SQL_KIND: "h2",
          // WRITE_DELAY=0: H2 otherwise holds commits back for half a second, and a kill would lose a schema's id.
          APICURIO_DATASOURCE_URL: "jdbc:h2:file:./registry;WRITE_DELAY=0",
          QUARKUS_HTTP_HOST: "127.0.0.1",
          QUARKUS_HTTP_PORT: String(ports[0]),
          QUARKUS_HTTP_ACCESS_LOG_ENABLED: "false",
          QUARKUS_LOG_CONSOLE_COLOR: "false",
        },
        cwd,
        url: url(ports),
        ready_url: `${url(ports)}/subjects`,
      },
    ],
    url,
  };
}

function runnerJar(app: string): string {
  const jar = readdirSync(app).find((name) => name.endsWith("-runner.jar"));
  if (jar === undefined) throw new Error(`no registry application in ${app}`);
  return jar;
}
