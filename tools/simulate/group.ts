/**
 * A consumer group's coordinator: members, generations, eager rebalances, committed offsets with metadata.
 *
 * A rebalance starts when a member joins, leaves or is silent past its session time-out, and ends when all known members have
 * joined again or the rebalance time-out ends it for them. Meanwhile commits under the last generation are still taken, as in
 * Kafka (PREPARING_REBALANCE); once the new generation stands they are refused.
 */
import type { Clock, Timer } from "../../libs/shared/clock.ts";
import { coPartition } from "../../libs/shared/kafka/co-partitioning.ts";
import { type PartitionOffset, partitionId, type TopicPartition } from "../../libs/shared/kafka/ports.ts";
import { ProtocolError } from "./protocol.ts";

export type Assignment = {
  readonly member: string;
  readonly generation: number;
  readonly partitions: readonly TopicPartition[];
};

export type JoinRequest = {
  /** Empty for a member that is new or was told that it is unknown. */
  readonly member: string;
  readonly topics: readonly string[];
  /** Called when the generation stands. */
  readonly joined: (assignment: Assignment) => void;
  /** Called when the member should notice, at its next heartbeat, that something changed. */
  readonly nudge: () => void;
};

export type CommittedOffset = { readonly offset: number; readonly metadata: string | null };

type Member = Omit<JoinRequest, "joined" | "member"> & {
  readonly id: string;
  joined: JoinRequest["joined"] | undefined;
};

export type GroupOptions = {
  readonly id: string;
  readonly clock: Clock;
  readonly rebalance_timeout_ms: number;
  readonly partitionsOf: (topic: string) => number;
  readonly onRebalance?: () => void;
  /** Told of every offset that is committed, by a member or by a transaction. */
  readonly onCommit?: (offset: PartitionOffset, before: number, by: string) => void;
};

export class SimulatedGroup {
  readonly #options: GroupOptions;
  readonly #members = new Map<string, Member>();
  readonly #offsets = new Map<string, CommittedOffset>();
  readonly #reached = new Map<string, number>();
  #generation = 0;
  #member_count = 0;
  #stable = true;
  #deadline: Timer | undefined;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  get members(): number {
    return this.#members.size;
  }

  get stable(): boolean {
    return this.#stable;
  }

  /** @returns the member's id, a new one unless the given one is known. */
  join(request: JoinRequest): string {
    if (request.member !== "" && !this.#members.has(request.member)) throw new ProtocolError("UNKNOWN_MEMBER_ID");
    const { member, ...rest } = request;
    let id = member;
    if (id === "") {
      this.#member_count += 1;
      id = `${this.#options.id}-member-${this.#member_count}`;
    }
    this.#members.set(id, { id, ...rest });
    this.#prepare();
    this.#finishIfComplete();
    return id;
  }

  /** Throws what a heartbeat is answered with when the member has to join again. */
  heartbeat(member: string, generation: number): void {
    if (!this.#members.has(member)) throw new ProtocolError("UNKNOWN_MEMBER_ID");
    if (generation !== this.#generation) throw new ProtocolError("ILLEGAL_GENERATION");
    if (!this.#stable) throw new ProtocolError("REBALANCE_IN_PROGRESS");
  }

  /** The member left, or its session timed out. Nothing when it is unknown. */
  remove(member: string): void {
    const gone = this.#members.get(member);
    if (!this.#members.delete(member)) return;
    gone?.nudge();
    this.#prepare();
    this.#finishIfComplete();
  }

  /** Takes offsets from a member of the standing generation. Nothing checks that the partitions are its own, as in Kafka. */
  commit(member: string, generation: number, offsets: readonly PartitionOffset[]): void {
    if (!this.#members.has(member)) throw new ProtocolError("UNKNOWN_MEMBER_ID");
    if (generation !== this.#generation) throw new ProtocolError("ILLEGAL_GENERATION");
    this.store(offsets, member);
  }

  /** Stores offsets with no check of a generation: what a transaction without KIP-447 does. */
  store(offsets: readonly PartitionOffset[], by: string): void {
    for (const at of offsets) {
      if ((at.metadata?.length ?? 0) > 4096) throw new ProtocolError("OFFSET_METADATA_TOO_LARGE");
      const before = this.committed(at)?.offset ?? 0;
      const id = partitionId(at);
      this.#offsets.set(id, { offset: at.offset, metadata: at.metadata ?? null });
      this.#reached.set(id, Math.max(this.#reached.get(id) ?? 0, at.offset));
      this.#options.onCommit?.(at, before, by);
    }
  }

  committed(tp: TopicPartition): CommittedOffset | undefined {
    return this.#offsets.get(partitionId(tp));
  }

  /** The highest offset ever committed: a commit that timed out may arrive late and set the committed one back. */
  reached(tp: TopicPartition): number {
    return this.#reached.get(partitionId(tp)) ?? 0;
  }

  #prepare(): void {
    if (!this.#stable) return;
    this.#stable = false;
    this.#deadline = this.#options.clock.after(this.#options.rebalance_timeout_ms, () => {
      for (const member of [...this.#members.values()]) {
        if (member.joined !== undefined) continue;
        this.#members.delete(member.id);
        member.nudge();
      }
      this.#finish();
    });
    for (const member of this.#members.values()) if (member.joined === undefined) member.nudge();
  }

  #finishIfComplete(): void {
    if ([...this.#members.values()].every((member) => member.joined !== undefined)) this.#finish();
  }

  #finish(): void {
    this.#deadline?.cancel();
    this.#stable = true;
    this.#generation += 1;
    this.#options.onRebalance?.();
    const members = [...this.#members.values()];
    const assigned = coPartition(members, (topic) => [...Array(this.#options.partitionsOf(topic)).keys()]);
    for (const member of members) {
      const joined = member.joined;
      member.joined = undefined;
      joined?.({ member: member.id, generation: this.#generation, partitions: assigned.get(member.id) ?? [] });
    }
  }
}
