/**
 * A group member over the death of a broker. kafkajs keeps the coordinator that it found when it joined, and each heartbeat to one that is
 * dead ends the fetches from all brokers, until it runs again; a leader that moves makes it join anew, and with it its whole group; and a
 * broker that does not answer ends the fetches from the others, or the member itself where there is no other: it then comes back as a
 * stranger, for whom the group waits until the session of its former self has ended. None of these needs more than a question who it is now.
 */
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { forgetCoordinators } from "./coordinator-cache.ts";
import { isUnreachable } from "./passing.ts";

type KafkaError = { readonly name?: string; readonly type?: string };
/** What is used of kafkajs's class for a member. */
type Member = {
  readonly groupId: string;
  readonly sessionTimeout: number;
  coordinator: unknown;
  readonly offsetManager: { coordinator: unknown } | null;
  readonly cluster: {
    refreshMetadata(): Promise<void>;
    findGroupCoordinator(of: { readonly groupId: string }): Promise<unknown>;
  };
  heartbeat(options: unknown): Promise<void>;
  recoverFromFetch(error: KafkaError): Promise<void>;
};

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
  /** Since when a member's coordinator does not answer. */
  const silent_since_ms = new WeakMap<Member, number>();
  const searches = new WeakSet<Member>();

  prototype.heartbeat = async function beating(this: Member, options: unknown): Promise<void> {
    try {
      await heartbeat.call(this, options);
      silent_since_ms.delete(this);
    } catch (error) {
      if (!isUnreachable(error) && !COORDINATOR_GONE.has((error as KafkaError).type ?? "")) throw error;
      const since_ms = silent_since_ms.get(this) ?? now_ms();
      silent_since_ms.set(this, since_ms);
      // By then the group has given its partitions away.
      if (now_ms() - since_ms > this.sessionTimeout) {
        silent_since_ms.delete(this);
        throw error;
      }
      void findAgain(this, searches);
    }
  };

  prototype.recoverFromFetch = async function recovering(this: Member, error: KafkaError): Promise<void> {
    if (!isUnreachable(error) && !LEADER_GONE.has(error.type ?? "")) return recoverFromFetch.call(this, error);
    void findAgain(this, searches);
    await sleep(PAUSE_MS);
  };
}

/** Who leads and who coordinates by now. One search at a time, beside the fetches. */
async function findAgain(member: Member, searches: WeakSet<Member>): Promise<void> {
  if (searches.has(member)) return;
  searches.add(member);
  try {
    forgetCoordinators();
    await member.cluster.refreshMetadata();
    const found = await member.cluster.findGroupCoordinator({ groupId: member.groupId });
    member.coordinator = found;
    if (member.offsetManager !== null) member.offsetManager.coordinator = found;
  } catch {
    // The next fetch or heartbeat asks again.
  } finally {
    searches.delete(member);
  }
}
