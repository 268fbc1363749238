/**
 * A group member as kafkajs 2.2.4 runs it: one loop that joins, reads the committed offsets, fetches, delivers, and finds out at
 * a heartbeat that the group went on without it. Until then it fetches and delivers as before: a zombie. Now and then the loop hangs
 * for ever, and says nothing of it.
 */
import { type PartitionOffset, partitionId, type TopicPartition } from "../../libs/shared/kafka/ports.ts";
import type { Assignment } from "./group.ts";
import type { ClientOptions } from "./kafka-client.ts";
import type { ReadResult } from "./log.ts";
import { ProtocolError, timedOut } from "./protocol.ts";

export type ClientConsumerOptions = {
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly heartbeatInterval: number;
  readonly maxWaitTimeInMs: number;
  readonly maxBytesPerPartition: number;
};

type Batch = TopicPartition & ReadResult;
type EachBatch = (payload: object) => Promise<void>;
type CommitRequest = TopicPartition & { readonly offset: string; readonly metadata?: string | null };

const MEMBER_GONE = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"]);
const COMMIT_RETRIES = 5;

export class SimulatedConsumer {
  readonly events = {
    GROUP_JOIN: "join",
    REBALANCING: "rebalancing",
    CRASH: "crash",
    STOP: "stop",
    FETCH: "fetch",
    HEARTBEAT: "heartbeat",
    END_BATCH_PROCESS: "end of batch",
  } as const;
  readonly #options: ClientOptions;
  readonly #settings: ClientConsumerOptions;
  readonly #listeners = new Map<string, (event: { payload: object }) => void>();
  readonly #paused = new Set<string>();
  readonly #positions = new Map<string, number>();
  #topics: readonly string[] = [];
  #eachBatch: EachBatch | undefined;
  #member = "";
  /** The id that the group knows, which a member that died in between never learned. */
  #registered = "";
  #generation = -1;
  #assigned: readonly TopicPartition[] = [];
  #heartbeat_ms = 0;
  #running = false;
  #silent = false;
  #wake: (() => void) | undefined;

  constructor(options: ClientOptions, settings: ClientConsumerOptions) {
    this.#options = options;
    this.#settings = settings;
  }

  on(event: string, listener: (event: { payload: object }) => void): void {
    this.#listeners.set(event, listener);
  }

  async connect(): Promise<void> {}

  async subscribe({ topics }: { topics: readonly string[] }): Promise<void> {
    this.#topics = topics;
  }

  /** Resolves once the member joined; fetching goes on in the background. */
  async run({ eachBatch }: { eachBatch: EachBatch }): Promise<void> {
    const { process, cluster } = this.#options;
    this.#eachBatch = eachBatch;
    this.#running = true;
    process.onSilence((until_ms) => this.#expectSilence(until_ms));
    const unwatch = cluster.log.watch(({ topic, number }) => {
      if (!process.alive) unwatch();
      else if (this.#wake !== undefined && this.#isActive({ topic, partition: number }))
        process.deliver(() => this.#wake?.());
    });
    await this.#join();
    void this.#loop();
  }

  pause(topics: readonly { readonly topic: string }[]): void {
    for (const { topic } of topics) this.#paused.add(topic);
  }

  resume(topics: readonly { readonly topic: string }[]): void {
    for (const { topic } of topics) this.#paused.delete(topic);
    // With all paused the library sleeps its longest wait before it looks again.
    this.#wakeAfter(this.#options.process.random.next() * this.#settings.maxWaitTimeInMs);
  }

  /** A commit that timed out is tried again under whatever generation stands then. */
  async commitOffsets(requests: readonly CommitRequest[]): Promise<void> {
    const { process, cluster } = this.#options;
    const group = cluster.group(this.#settings.groupId);
    const offsets = requests.map(
      ({ topic, partition, offset, metadata }): PartitionOffset => ({
        topic,
        partition,
        offset: Number(offset),
        ...(typeof metadata === "string" ? { metadata } : {}),
      }),
    );
    for (let attempt = 0; this.#running; attempt += 1) {
      const [member, generation] = [this.#member, this.#generation];
      try {
        await process.call("commit offsets", () => group.commit(member, generation, offsets), { lost: timedOut });
        return;
      } catch (error) {
        const refused = error instanceof ProtocolError && error.type !== "REQUEST_TIMED_OUT";
        if (refused) process.trace.counts.commits_refused += 1;
        if (refused || attempt === COMMIT_RETRIES) throw error;
      }
    }
  }

  async disconnect(): Promise<void> {
    this.#running = false;
    this.#wake?.();
    // It waits for its loop to end.
    if (this.#silent) await new Promise(() => undefined);
    const { process, cluster } = this.#options;
    const group = cluster.group(this.#settings.groupId);
    await process.call("leave the group", () => group.remove(this.#registered), { lost: timedOut, reliable: true });
  }

  async #loop(): Promise<void> {
    while (this.#running) {
      try {
        if (!this.#hasData()) await this.#idle();
        if (this.#options.process.fallsSilent()) await this.#fallSilent();
        const batches = await this.#fetch();
        await this.#deliver(batches);
        this.#heartbeat();
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  #fallSilent(): Promise<never> {
    const { trace, name } = this.#options.process;
    trace.counts.silences += 1;
    trace.note(name, "falls silent");
    this.#silent = true;
    this.#expire();
    return new Promise(() => undefined);
  }

  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof ProtocolError)) throw error;
    if (!MEMBER_GONE.has(error.type) || !this.#running) return;
    if (error.type === "UNKNOWN_MEMBER_ID") this.#member = "";
    else this.#emit("rebalancing", {});
    await this.#join();
  }

  async #join(): Promise<void> {
    const { process, cluster } = this.#options;
    const group = cluster.group(this.#settings.groupId);
    for (;;) {
      try {
        const member = this.#member;
        const assignment = await new Promise<Assignment>((resolve, reject) => {
          const request = {
            member,
            topics: this.#topics,
            joined: (joined: Assignment) => process.deliver(() => resolve(joined)),
            nudge: () => this.#nudge(),
          };
          const join = (): void => {
            // A process that died meanwhile leaves a member behind, which is silent until its session times out.
            this.#registered = group.join(request);
            if (!process.alive) this.#expire();
          };
          process.call("join the group", join, { lost: timedOut, reliable: true }).catch(reject);
        });
        return await this.#joined(assignment);
      } catch (error) {
        if (error instanceof ProtocolError && error.type === "UNKNOWN_MEMBER_ID") this.#member = "";
      }
    }
  }

  async #joined({ member, generation, partitions }: Assignment): Promise<void> {
    const { process, cluster } = this.#options;
    this.#member = member;
    this.#generation = generation;
    this.#assigned = partitions;
    this.#positions.clear();
    this.#heartbeat_ms = process.clock.now_ms();
    process.trace.note(process.name, `joined as ${member}`, partitions.map(partitionId).join(" "));
    const assigned = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, of_topic]): [string, number[]] => [
      topic,
      of_topic.map(({ partition }) => partition),
    ]);
    this.#emit("join", { memberId: member, memberAssignment: Object.fromEntries(assigned) });
    const group = cluster.group(this.#settings.groupId);
    const committed = await process.call(
      "read its offsets",
      () => partitions.map((tp) => group.committed(tp)?.offset ?? 0),
      { lost: timedOut, reliable: true },
    );
    for (const [index, tp] of partitions.entries()) this.#positions.set(partitionId(tp), committed[index] ?? 0);
  }

  #fetch(): Promise<Batch[]> {
    const { process, cluster } = this.#options;
    const wanted = this.#assigned.filter((tp) => this.#isActive(tp));
    const read = (): Batch[] =>
      wanted.flatMap((tp) => {
        const from = this.#positions.get(partitionId(tp)) ?? 0;
        const found = cluster.log.partition(tp.topic, tp.partition).read(from, this.#settings.maxBytesPerPartition);
        return found.next > from ? [{ ...tp, ...found }] : [];
      });
    return process.call("fetch", read, { lost: timedOut, reliable: true });
  }

  /** What was fetched for a topic paused meanwhile is thrown away; nothing looks again between the batches of one fetch. */
  async #deliver(fetched: readonly Batch[]): Promise<void> {
    const { process, onFetch } = this.#options;
    const batches = fetched.filter(({ topic }) => !this.#paused.has(topic));
    this.#emit("fetch", {});
    onFetch?.(batches.flatMap((batch) => batch.records));
    for (const { topic, partition, records: found, next } of batches) {
      const id = partitionId({ topic, partition });
      if (found.length === 0) {
        this.#positions.set(id, next);
        continue;
      }
      const messages = found.map((record) => ({
        ...record,
        offset: String(record.offset),
        timestamp: record.timestamp_ms,
      }));
      // The last offset delivered resolves the control records behind it too.
      const resolveOffset = (offset: string): unknown =>
        this.#positions.set(id, Number(offset) === found.at(-1)?.offset ? next : Number(offset) + 1);
      const lastOffset = (): string => String(next - 1);
      await this.#eachBatch?.({ batch: { topic, partition, messages, lastOffset }, resolveOffset });
      process.trace.note(process.name, `reads ${found[0]?.offset} to ${found.at(-1)?.offset}`, id);
    }
  }

  #heartbeat(): void {
    const { process, cluster } = this.#options;
    const now_ms = process.clock.now_ms();
    if (now_ms < this.#heartbeat_ms + this.#settings.heartbeatInterval) return;
    this.#heartbeat_ms = now_ms;
    cluster.group(this.#settings.groupId).heartbeat(this.#member, this.#generation);
    this.#emit("heartbeat", {});
  }

  #hasData(): boolean {
    const { log } = this.#options.cluster;
    return this.#assigned.some(
      (tp) =>
        this.#isActive(tp) &&
        log.partition(tp.topic, tp.partition).stable > (this.#positions.get(partitionId(tp)) ?? 0),
    );
  }

  #isActive(tp: TopicPartition): boolean {
    return !this.#paused.has(tp.topic) && this.#positions.has(partitionId(tp));
  }

  /** Waits until there is something to fetch or the group has news; never for longer than a session without a heartbeat. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.process.clock.after(this.#settings.sessionTimeout, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        timer.cancel();
        resolve();
      };
    });
  }

  #wakeAfter(delay_ms: number): void {
    if (this.#wake === undefined) return;
    this.#options.process.clock.after(delay_ms, () => this.#wake?.());
  }

  /** The group changed: the next heartbeat, within its interval, will say so. */
  #nudge(): void {
    const { process } = this.#options;
    process.clock.after(process.random.next() * this.#settings.heartbeatInterval, () => {
      this.#heartbeat_ms = Number.NEGATIVE_INFINITY;
      this.#wake?.();
    });
  }

  #expectSilence(until_ms: number): void {
    const { process } = this.#options;
    if (this.#registered === "" || until_ms < process.clock.now_ms() + this.#settings.sessionTimeout) return;
    if (process.alive) process.trace.counts.zombies += 1;
    this.#expire();
  }

  #expire(): void {
    this.#options.cluster.expire(this.#settings.groupId, this.#registered, this.#settings.sessionTimeout);
  }

  #emit(event: string, payload: object): void {
    this.#listeners.get(event)?.({ payload });
  }
}
