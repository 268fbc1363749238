/**
 * A group member over the death of a broker. kafkajs keeps the coordinator that it found when it joined, and each heartbeat to one that is
 * dead ends the fetches from all brokers, until it runs again; a leader that moves makes it join anew, and with it its whole group; and a
 * broker that does not answer ends the fetches from the others. None of these needs more than a question who it is now.
 */
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { forgetCoordinators } from "./coordinator-cache.ts";

type KafkaError = { readonly name?: string; readonly type?: string };
type Pool = { readonly brokers: Readonly<Record<string, { isConnected(): boolean }>> };

/** What is used of kafkajs's class for a member. */
type Member = {
  readonly groupId: string;
  readonly sessionTimeout: number;
  coordinator: unknown;
  readonly offsetManager: { coordinator: unknown } | null;
  readonly cluster: {
    readonly brokerPool: Pool;
    refreshMetadata(): Promise<void>;
    findGroupCoordinator(of: { readonly groupId: string }): Promise<unknown>;
  };
  heartbeat(options: unknown): Promise<void>;
  recoverFromFetch(error: KafkaError): Promise<void>;
};

/** Of a member whose coordinator does not answer. */
type Silence = { readonly since_ms: number; looking: boolean };

const COORDINATOR_GONE = new Set([
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
]);
const LEADER_GONE = new Set(["NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE"]);
const PAUSE_MS = 100;

/** Patches the class once. `now_ms` is a monotonic clock. */
export function outliveBrokers(now_ms: () => number): void {
  const { prototype } = createRequire(import.meta.url)("kafkajs/src/consumer/consumerGroup") as {
    readonly prototype: Member;
  };
  const { heartbeat, recoverFromFetch } = prototype;
  const silences = new WeakMap<Member, Silence>();

  prototype.heartbeat = async function beating(this: Member, options: unknown): Promise<void> {
    try {
      await heartbeat.call(this, options);
      silences.delete(this);
    } catch (error) {
      if (!isGone(error as KafkaError, COORDINATOR_GONE)) throw error;
      const silence = silences.get(this) ?? { since_ms: now_ms(), looking: false };
      silences.set(this, silence);
      // By then the group has given its partitions away.
      if (now_ms() - silence.since_ms > this.sessionTimeout) {
        silences.delete(this);
        throw error;
      }
      void findAgain(this, silence);
    }
  };

  prototype.recoverFromFetch = async function recovering(this: Member, error: KafkaError): Promise<void> {
    const refused = error.name === "KafkaJSConnectionError" && othersAnswer(this);
    if (!refused && !LEADER_GONE.has(error.type ?? "")) return recoverFromFetch.call(this, error);
    await sleep(PAUSE_MS);
    await this.cluster.refreshMetadata();
  };
}

/** One search at a time, beside the fetches. */
async function findAgain(member: Member, silence: Silence): Promise<void> {
  if (silence.looking) return;
  silence.looking = true;
  try {
    forgetCoordinators();
    await member.cluster.refreshMetadata();
    const found = await member.cluster.findGroupCoordinator({ groupId: member.groupId });
    member.coordinator = found;
    if (member.offsetManager !== null) member.offsetManager.coordinator = found;
  } catch {
    // The next heartbeat asks again.
  } finally {
    silence.looking = false;
  }
}

function isGone({ name, type }: KafkaError, types: ReadonlySet<string>): boolean {
  return types.has(type ?? "") || (name?.startsWith("KafkaJSConnection") ?? false);
}

function othersAnswer({ cluster }: Member): boolean {
  return Object.values(cluster.brokerPool.brokers).some((broker) => broker.isConnected());
}
