/** What stands in the log about whom, kept as records are written, so that every commit can be checked at once (I2). */
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import type { SimulatedCluster } from "./cluster.ts";
import { type FlowRecord, identify, originOf, placeOf } from "./identity.ts";
import type { LogTransaction } from "./log.ts";

type Written = { readonly record: InRecord; readonly transaction: LogTransaction | undefined };

/** One group's input topics and those where its consequences go. */
export type Stage = { readonly group: string; readonly inputs: readonly string[]; readonly outputs: readonly string[] };

export class FlowIndex {
  readonly #cluster: SimulatedCluster;
  readonly #stages: ReadonlyMap<string, Stage>;
  readonly #dlq: string;
  readonly #ends: ReadonlySet<string>;
  /** Topics whose records are overtaken by what comes behind them. */
  readonly #detours: ReadonlySet<string>;
  /** Subjects that went another round, a detour, or to another tier. */
  readonly #overtaken = new Set<string>();
  /** By topic, then by subject. */
  readonly #written = new Map<string, Map<string, Written[]>>();
  readonly #letters = new Map<string, Written[]>();
  readonly #identities = new WeakMap<InRecord, FlowRecord>();

  /**
   * @param ends topics whose records end their subject, whichever round they come from.
   * @param detours topics on which requests wait while others pass.
   */
  constructor(
    cluster: SimulatedCluster,
    stages: readonly Stage[],
    dlq: string,
    ends: readonly string[],
    detours: readonly string[],
  ) {
    this.#cluster = cluster;
    this.#stages = new Map(stages.map((stage) => [stage.group, stage]));
    this.#dlq = dlq;
    this.#ends = new Set(ends);
    this.#detours = new Set(detours);
  }

  add(record: InRecord, transaction: LogTransaction | undefined): void {
    const written: Written = { record, transaction };
    if (record.topic === this.#dlq) {
      append(this.#letters, originOf(record), written);
      return;
    }
    const { subject, round, hop, is_refusal, is_hit } = this.identityOf(record);
    if (subject === undefined) return;
    // One that was refused has its place behind others when, with Redis's memory gone, a repeat of it is let through.
    // What the cache answers is done before jobs that were there earlier, also when it is a repeat of one of them.
    if (is_refusal || is_hit || round > 0 || hop > 0 || this.#detours.has(record.topic)) this.#overtaken.add(subject);
    let topic = this.#written.get(record.topic);
    if (topic === undefined) {
      topic = new Map();
      this.#written.set(record.topic, topic);
    }
    append(topic, subject, written);
  }

  identityOf(record: InRecord): FlowRecord {
    let identity = this.#identities.get(record);
    if (identity === undefined) {
      identity = identify(record);
      this.#identities.set(record, identity);
    }
    return identity;
  }

  subjectOf(record: InRecord): string | undefined {
    return record.topic === this.#dlq
      ? identify(this.originalOf(record) ?? record).subject
      : this.identityOf(record).subject;
  }

  /**
   * The subject, unless several partitions or contents share it (which of them came first is nobody's promise), a deadline may
   * have it refused at a later reading (refusals overtake), the cache answered it, or it went another round, to another tier, or waited for room (others overtake it).
   */
  soleSubjectOf(record: InRecord, requests: readonly string[]): string | undefined {
    const { subject } = this.identityOf(record);
    if (subject === undefined || this.#overtaken.has(subject)) return undefined;
    const all = requests.flatMap((topic) => this.#written.get(topic)?.get(subject) ?? []);
    if (all.some(({ record: one }) => this.identityOf(one).has_deadline)) return undefined;
    const kinds = all.map(({ record: one }) => `${one.topic}/${one.partition} ${this.identityOf(one).content}`);
    return new Set(kinds).size === 1 ? subject : undefined;
  }

  /** The record that a dead letter is the copy of. */
  originalOf(letter: InRecord): InRecord | undefined {
    const number = (name: string): number => Number(letter.headers[`kafka_dlt-original-${name}`]);
    const topic = letter.headers["kafka_dlt-original-topic"] ?? "";
    if (!this.#cluster.log.topics().includes(topic)) return undefined;
    const entry = this.#cluster.log.partition(topic, number("partition")).entries[number("offset")];
    return entry?.kind === "record" ? entry.record : undefined;
  }

  /**
   * True when nothing would be missing if the group never read this record again: its dead letter is there, or what its stage
   * writes about its subject in this round, or what ends it, or another record of the subject is still to come and will see to it.
   */
  isDone(record: InRecord, group: string): boolean {
    if (this.#letters.get(placeOf(record))?.some(isCommitted)) return true;
    const stage = this.#stages.get(group);
    const { subject, round } = this.identityOf(record);
    if (stage === undefined || subject === undefined) return false;
    const follows = (one: Written): boolean =>
      isCommitted(one) && (this.#ends.has(one.record.topic) || this.identityOf(one.record).round >= round);
    if (stage.outputs.some((topic) => this.#written.get(topic)?.get(subject)?.some(follows))) return true;
    return stage.inputs.some((topic) =>
      this.#written
        .get(topic)
        ?.get(subject)
        ?.some((one) => this.#isPending(one, record, group)),
    );
  }

  #isPending({ record }: Written, than: InRecord, group: string): boolean {
    if (record === than) return false;
    return record.offset >= (this.#cluster.group(group).committed(record)?.offset ?? 0);
  }
}

function isCommitted({ transaction }: Written): boolean {
  return transaction === undefined || transaction.state === "committed";
}

function append(map: Map<string, Written[]>, key: string, written: Written): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [written]);
  else list.push(written);
}
