import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { archiveFlags, type JavaRuntime, kafkaClasspath } from "./jvm.ts";
import type { PartPlan } from "./part.ts";
import { answers, DEFAULT_PORTS } from "./ports.ts";

const run = promisify(execFile);
const FORMAT_WAIT_MS = 60_000;
const PORT_WAIT_MS = 1_000;
const MIB = 1024 * 1024;

/** One Apache Kafka node in KRaft mode: broker and controller in one process, data in `data/kafka`. */
export function kafkaPlan(java: JavaRuntime): PartPlan {
  const { home } = java;
  const cwd = join(home.data, "kafka");
  const properties = join(home.etc, "kafka.properties");
  const log4j = join(home.etc, "kafka-log4j2.yaml");
  const env = { ...java.env, CLASSPATH: kafkaClasspath(home) };
  return {
    name: "kafka",
    default_ports: [DEFAULT_PORTS.kafka, DEFAULT_PORTS.kafka_controller],
    data: cwd,
    async prepare([port = 0, controller_port = 0]) {
      mkdirSync(cwd, { recursive: true });
      writeFileSync(properties, brokerProperties(port, controller_port));
      writeFileSync(log4j, LOG4J);
      if (existsSync(join(cwd, "log", "meta.properties"))) return;
      const flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", ...archiveFlags(home, "kafka")];
      const args = [...flags, "kafka.tools.StorageTool", "format", "--ignore-formatted"];
      await run(java.path, [...args, "-t", clusterId(home.data), "-c", properties], {
        cwd,
        env,
        timeout: FORMAT_WAIT_MS,
      });
    },
    spec: ([port]) => ({
      name: "kafka",
      command: java.path,
      // SerialGC: with G1 an 8 MiB record is a humongous object in a heap this small; it also costs less CPU here.
      args: [
        ...[
          "-Xms256m",
          "-Xmx512m",
          "-XX:+UseSerialGC",
          "-XX:+ExitOnOutOfMemoryError",
          "-Djava.net.preferIPv4Stack=true",
        ],
        ...archiveFlags(home, "kafka"),
        ...[`-Dlog4j2.configurationFile=${log4j}`, "kafka.Kafka", properties],
      ],
      env,
      cwd,
      url: `127.0.0.1:${port}`,
      // By its port and not by its log, whose last lines are soon others when clients wait for it.
      ready: () => answers("127.0.0.1", port ?? 0, PORT_WAIT_MS),
    }),
    url: ([port]) => `127.0.0.1:${port}`,
  };
}

/** The id is made once and kept outside the log folder, so that a format which was cut short can be done again. */
function clusterId(data: string): string {
  const path = join(data, "kafka-cluster-id");
  if (!existsSync(path)) {
    // Kafka's Uuid: 16 bytes, base64url; a leading dash would read as an option.
    let id = randomBytes(16).toString("base64url");
    while (id.startsWith("-")) id = randomBytes(16).toString("base64url");
    writeFileSync(path, id);
  }
  return readFileSync(path, "utf8").trim();
}

/** The advertised address follows the port; paths are relative to the working folder, so any character may be in them. */
export function brokerProperties(port: number, controller_port: number): string {
  const message_bytes_max = 17 * MIB;
  const lines = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller_port}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller_port}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": "log",
    "auto.create.topics.enable": false,
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.num.partitions": 8,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 8,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    // An offset commit would wait 5 ms for others to be written with it: most of a transaction's time.
    "group.coordinator.append.linger.ms": 0,
    // For a laptop's cores: with fewer threads a request changes hands more cheaply.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "message.max.bytes": message_bytes_max,
    "replica.fetch.max.bytes": message_bytes_max,
    "socket.request.max.bytes": 100 * MIB,
    // A killed broker may register again only when its old session is over: 4.3 s instead of 11 s to come back.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
  };
  return `${Object.entries(lines)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
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
