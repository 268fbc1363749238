/** The configuration of one Kafka node: pure text. */

/** A node's place in its cluster, and its ports. */
export type Node = {
  /** From 1. */
  readonly id: number;
  readonly port: number;
  readonly controller_port: number;
  /** Where clients speak TLS with a user name and a password, brokers keep a plain port among themselves. */
  readonly inner_port?: number;
};

export type Secured = {
  /** Path of a PEM file with the key, the certificate and the chain behind it. */
  readonly keystore: string;
};

const MIB = 1024 * 1024;
const REPLICAS = 3;
/** Of three replicas one may be away, and what was acknowledged is on two. */
const IN_SYNC_MIN = 2;

/** The advertised address follows the port; paths are relative to the working folder, so any character may be in them. */
export function brokerProperties(node: Node, nodes: readonly Node[] = [node], secured?: Secured): string {
  const message_bytes_max = 17 * MIB;
  const [replicas, in_sync] = nodes.length >= REPLICAS ? [REPLICAS, IN_SYNC_MIN] : [1, 1];
  const lines = {
    "process.roles": "broker,controller",
    "node.id": node.id,
    "controller.quorum.voters": nodes.map(({ id, controller_port }) => `${id}@127.0.0.1:${controller_port}`).join(","),
    ...listeners(node, secured),
    "controller.listener.names": "CONTROLLER",
    "log.dirs": "log",
    "auto.create.topics.enable": false,
    "group.initial.rebalance.delay.ms": 0,
    "default.replication.factor": replicas,
    "min.insync.replicas": in_sync,
    "offsets.topic.num.partitions": 8,
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.num.partitions": 8,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": in_sync,
    // An offset commit would wait 5 ms for others to be written with it: most of a transaction's time.
    "group.coordinator.append.linger.ms": 0,
    // For a laptop's cores: with fewer threads a request changes hands more cheaply.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": in_sync,
    "message.max.bytes": message_bytes_max,
    "replica.fetch.max.bytes": message_bytes_max,
    "socket.request.max.bytes": 100 * MIB,
    // A killed broker may register again only when its old session is over: 4.3 s instead of 11 s to come back.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
    ...(nodes.length > 1 ? CLUSTER : {}),
  };
  return `${Object.entries(lines)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}

/** A replica that has nothing to say for so long is out of sync: until then each write waits for it. */
const CLUSTER = {
  // Three on a laptop's cores: one that had no turn for 3 s is not dead.
  "broker.session.timeout.ms": 6_000,
  "replica.lag.time.max.ms": 10_000,
  "replica.fetch.wait.max.ms": 250,
  "controlled.shutdown.enable": true,
};

function listeners(node: Node, secured: Secured | undefined): Record<string, string> {
  const at = (name: string, port: number): string => `${name}://127.0.0.1:${port}`;
  const controller = at("CONTROLLER", node.controller_port);
  if (secured === undefined) {
    return {
      listeners: `${at("PLAINTEXT", node.port)},${controller}`,
      "advertised.listeners": at("PLAINTEXT", node.port),
      "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    };
  }
  const brokers = `${at("SECURED", node.port)},${at("INNER", node.inner_port ?? 0)}`;
  return {
    listeners: `${brokers},${controller}`,
    "advertised.listeners": brokers,
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,INNER:PLAINTEXT,SECURED:SASL_SSL",
    "inter.broker.listener.name": "INNER",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.secured.scram-sha-512.sasl.jaas.config":
      "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": secured.keystore,
  };
}
