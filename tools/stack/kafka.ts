import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { brokerProperties, type Node } from "./broker-properties.ts";
import type { Home } from "./home.ts";
import { archiveFlags, type JavaRuntime, kafkaClasspath } from "./jvm.ts";
import type { CertificateFiles, PartPlan } from "./part.ts";
import { answers, DEFAULT_PORTS } from "./ports.ts";
import type { ProcessSpec } from "./supervisor.ts";

const run = promisify(execFile);
const FORMAT_WAIT_MS = 60_000;
const PORT_WAIT_MS = 1_000;

export const BROKERS = [1, 3] as const;
export type BrokerCount = (typeof BROKERS)[number];

export type KafkaOptions = {
  /** 3: three replicas of everything, of which two must be in sync. It has data of its own. */
  readonly brokers?: BrokerCount;
  /** Clients speak SASL_SSL with SCRAM-SHA-512 instead of plain TCP; for tests. */
  readonly secured?: CertificateFiles & { readonly username: string; readonly password: string };
};

/** Apache Kafka in KRaft mode: each node is broker and controller in one process, data in `data/kafka` (three: `data/kafka-of-3`). */
export function kafkaPlan(java: JavaRuntime, { brokers = 1, secured }: KafkaOptions = {}): PartPlan {
  const { home } = java;
  const data = join(home.data, brokers === 1 ? "kafka" : `kafka-of-${brokers}`);
  const ids = Array.from({ length: brokers }, (_, index) => index + 1);
  const places = ids.map((id) => placeOf(home, data, id, brokers));
  const ports_each = secured === undefined ? 2 : 3;
  const log4j = join(home.etc, "kafka-log4j2.yaml");
  const keystore = join(home.etc, "kafka-keystore.pem");
  const env = { ...java.env, CLASSPATH: kafkaClasspath(home) };

  const nodesOn = (ports: readonly number[]): Node[] =>
    ids.map((id, index) => {
      const [port = 0, controller_port = 0, inner_port = 0] = ports.slice(index * ports_each);
      return { id, port, controller_port, ...(secured === undefined ? {} : { inner_port }) };
    });
  const format = async ({ cwd, properties }: Place): Promise<void> => {
    const flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", ...archiveFlags(home, "kafka")];
    const args = [...flags, "kafka.tools.StorageTool", "format", "--ignore-formatted"];
    const { username, password } = secured ?? {};
    const scram = secured ? ["--add-scram", `SCRAM-SHA-512=[name=${username},password=${password}]`] : [];
    const id = clusterId(`${data}-cluster-id`);
    await run(java.path, [...args, ...scram, "-t", id, "-c", properties], { cwd, env, timeout: FORMAT_WAIT_MS });
  };
  const specOf = ({ name, cwd, properties }: Place, port: number): ProcessSpec => ({
    name,
    command: java.path,
    // SerialGC: with G1 an 8 MiB record is a humongous object in a heap this small; it also costs less CPU here.
    args: [
      ...(brokers === 1 ? ["-Xms256m", "-Xmx512m"] : ["-Xms128m", "-Xmx384m"]),
      ...["-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Djava.net.preferIPv4Stack=true"],
      ...archiveFlags(home, "kafka"),
      ...[`-Dlog4j2.configurationFile=${log4j}`, "kafka.Kafka", properties],
    ],
    env,
    cwd,
    url: `127.0.0.1:${port}`,
    // By its port and not by its log, whose last lines are soon others when clients wait for it.
    ready: () => answers("127.0.0.1", port, PORT_WAIT_MS),
  });

  return {
    name: "kafka",
    default_ports: ids.flatMap((_, index) => {
      const defaults = [DEFAULT_PORTS.kafka, DEFAULT_PORTS.kafka_controller].map((port) => port + 2 * index);
      return secured === undefined ? defaults : [...defaults, DEFAULT_PORTS.kafka + 2 * brokers + index];
    }),
    data,
    async prepare(ports) {
      writeFileSync(log4j, LOG4J);
      if (secured !== undefined) {
        const parts = [secured.key, secured.certificate].map((path) => readFileSync(path, "utf8"));
        writeFileSync(keystore, parts.join("\n"), { mode: 0o600 });
      }
      const nodes = nodesOn(ports);
      for (const [index, { cwd, properties }] of places.entries()) {
        mkdirSync(cwd, { recursive: true });
        const own = nodes[index] as Node;
        writeFileSync(properties, brokerProperties(own, nodes, secured === undefined ? undefined : { keystore }));
      }
      await Promise.all(places.filter(({ cwd }) => !existsSync(join(cwd, "log", "meta.properties"))).map(format));
    },
    specs: (ports) => {
      const [first, ...others] = nodesOn(ports).map(({ port }, index) => specOf(places[index] as Place, port));
      return [first as ProcessSpec, ...others];
    },
    url: (ports) =>
      nodesOn(ports)
        .map(({ port }) => `127.0.0.1:${port}`)
        .join(","),
  };
}

type Place = { readonly name: string; readonly cwd: string; readonly properties: string };

function placeOf(home: Home, data: string, id: number, brokers: BrokerCount): Place {
  const name = id === 1 ? "kafka" : `kafka-${id}`;
  const cwd = brokers === 1 ? data : join(data, String(id));
  return { name, cwd, properties: join(home.etc, `${name}.properties`) };
}

/** The id is made once and kept outside the log folder, so that a format which was cut short can be done again. */
function clusterId(path: string): string {
  if (!existsSync(path)) {
    // Kafka's Uuid: 16 bytes, base64url; a leading dash would read as an option.
    let id = randomBytes(16).toString("base64url");
    while (id.startsWith("-")) id = randomBytes(16).toString("base64url");
    writeFileSync(path, id);
  }
  return readFileSync(path, "utf8").trim();
}

const LOG4J = `Configuration:
  status: warn
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "[%d] %p %m (%c)%n"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        - ref: STDOUT
`;
