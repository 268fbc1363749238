/**
 * What must hold, as small objects: each looks at commits as they happen, at members as they work, or at the log at the end, and
 * gives the first violation it sees. A new invariant is a new object in a scenario's list.
 */
import type { ConsumptionStats } from "../../libs/shared/kafka/consumption.ts";
import { decodeDone } from "../../libs/shared/kafka/offset-map.ts";
import type { InRecord, PartitionOffset } from "../../libs/shared/kafka/ports.ts";
import type { LogTransaction, SimulatedLog } from "./log.ts";
import type { ServiceSpec } from "./scenario.ts";

export type Violation = {
  readonly invariant: string;
  readonly message: string;
  /** What the trail should show: as `Scenario.subjectOf` names it. */
  readonly subject?: string;
};

/** `after` replaces `before` as a group's committed offset. */
export type CommitEvent = { readonly group: string; readonly after: PartitionOffset; readonly before: number };

/** One member just took what a fetch brought of one partition. */
export type MemberEvent = {
  readonly service: ServiceSpec;
  readonly stats: ConsumptionStats;
  /** The most that one fetch brought to this member so far. */
  readonly fetched_records_max: number;
};

export type Invariant = {
  readonly name: string;
  /** Told of every record as it is written, before its transaction has ended. */
  readonly onAppend?: (record: InRecord, transaction: LogTransaction | undefined) => Violation | undefined;
  readonly onCommit?: (event: CommitEvent, log: SimulatedLog) => Violation | undefined;
  readonly onMember?: (event: MemberEvent) => Violation | undefined;
  readonly atEnd?: (log: SimulatedLog) => Violation | undefined;
};

/** I2: a commit passes only records for which `isDone` finds everything they caused in the log, by offset and by metadata. */
export function commitsFollowConsequences(
  isDone: (record: InRecord, group: string) => boolean,
  subjectOf: (record: InRecord) => string | undefined,
): Invariant {
  return {
    name: "I2",
    onCommit({ group, after, before }, log) {
      const partition = log.partition(after.topic, after.partition);
      for (const offset of passedBy(before, after)) {
        const entry = partition.entries[offset];
        if (entry?.kind !== "record" || entry.transaction?.state === "aborted") continue;
        if (isDone(entry.record, group)) continue;
        const subject = subjectOf(entry.record);
        const place = `${after.topic}/${after.partition}@${offset}`;
        return {
          invariant: "I2",
          message: `${group} committed ${after.offset}, past ${place}, whose consequences are not in the log`,
          ...(subject === undefined ? {} : { subject }),
        };
      }
      return undefined;
    },
  };
}

/** The offsets that a commit says are done: up to its offset, and those that its metadata names beyond. */
function* passedBy(before: number, { offset, metadata }: PartitionOffset): Generator<number> {
  for (let at = before; at < offset; at += 1) yield at;
  for (const { from, to } of decodeDone(offset, metadata)) for (let at = from; at < to; at += 1) yield at;
}

/** I6: what a member holds stays within its limits and one fetch, in each lane. */
export function boundsHold(): Invariant {
  return {
    name: "I6",
    onMember({ service, stats, fetched_records_max }) {
      const lanes = new Set(Object.values(service.topics)).size;
      const queued_max = lanes * (service.queued_records_max + fetched_records_max);
      if (stats.queued > queued_max) {
        return {
          invariant: "I6",
          message: `${service.name} holds ${stats.queued} records queued, ${queued_max} are allowed`,
        };
      }
      const in_flight_max = service.max_in_flight * service.batch_records_max;
      if (stats.in_flight > in_flight_max) {
        return {
          invariant: "I6",
          message: `${service.name} has ${stats.in_flight} in flight, ${in_flight_max} are allowed`,
        };
      }
      return undefined;
    },
  };
}

/**
 * Order: what records of one key in `input` caused in `output` stands there in their order, the first time each.
 * @param idOf what a record is about, the same on both topics; undefined for records without consequence there.
 */
export function orderIsKept(input: string, output: string, idOf: (record: InRecord) => string | undefined): Invariant {
  const name = "order";
  return {
    name,
    atEnd(log) {
      const place = firstPlaces(log, input, idOf);
      const last = new Map<string, { order: number; id: string }>();
      const seen = new Set<string>();
      for (const record of log.visible(output)) {
        const id = idOf(record);
        const from = id === undefined ? undefined : place.get(id);
        if (id === undefined || from === undefined || seen.has(id)) continue;
        seen.add(id);
        const before = last.get(from.key);
        if (before !== undefined && before.order > from.order) {
          return {
            invariant: name,
            subject: id,
            message: `${output}: ${id} stands after ${before.id}, ${input} has it before`,
          };
        }
        last.set(from.key, { order: from.order, id });
      }
      return undefined;
    },
  };
}

function firstPlaces(log: SimulatedLog, topic: string, idOf: (record: InRecord) => string | undefined) {
  const places = new Map<string, { key: string; order: number }>();
  for (const record of log.visible(topic)) {
    const id = idOf(record);
    if (id === undefined || places.has(id) || record.key === null) continue;
    places.set(id, { key: `${record.partition}/${record.key.toString("latin1")}`, order: record.offset });
  }
  return places;
}
