/** I1 and I9 over the log as a run leaves it, told from the bytes alone. Pure. */
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import type { FlowIndex } from "./flow-index.ts";
import { originOf, placeOf } from "./identity.ts";
import type { Invariant, Violation } from "./invariants.ts";
import type { SimulatedLog } from "./log.ts";
import type { Expectation } from "./workload.ts";

export type FlowTopics = {
  readonly requests: readonly string[];
  readonly results: string;
  readonly dlq: string;
  readonly outcomes: string;
  /** Those from which requests are entered again. */
  readonly detours: readonly string[];
  /** The input topics of each stage, where its poison is found. */
  readonly inputs_of: Readonly<Record<string, readonly string[]>>;
  /** Whose dead letters are part of its transactions. */
  readonly transactional_group: string;
};

export type FlowView = {
  readonly topics: FlowTopics;
  readonly index: FlowIndex;
  readonly expected: ReadonlyMap<Buffer, Expectation>;
  /** Redis lost what it knew of ids: a repeat may then be taken for a conflict with what came after the loss. */
  readonly idsWereForgotten: () => boolean;
};

type Ended = {
  readonly requests: readonly InRecord[];
  readonly results: ReadonlyMap<string, readonly InRecord[]>;
  readonly letters: readonly InRecord[];
  /** Dead letters by the place of the original. */
  readonly letters_of: ReadonlyMap<string, readonly InRecord[]>;
};

function readEnd(view: FlowView, log: SimulatedLog): Ended {
  const { topics, index } = view;
  const letters = log.visible(topics.dlq);
  return {
    requests: topics.requests.flatMap((topic) => log.visible(topic)),
    results: Map.groupBy(log.visible(topics.results), (record) => index.identityOf(record).subject ?? ""),
    letters,
    letters_of: Map.groupBy(letters, originOf),
  };
}

function expectationOf(view: FlowView, record: InRecord): Expectation {
  return (record.value === null ? undefined : view.expected.get(record.value)) ?? { kind: "unreadable" };
}

/**
 * I1: every (tenant, id) on the request topics has exactly one Result for a read_committed reader, unless a stage's bug made it a
 * dead letter; every unreadable record, and every record whose id belongs to other content, has a dead letter; nothing else
 * has either.
 */
export function oneResultPerRequest(view: FlowView): Invariant {
  const broken = (message: string, subject?: string): Violation => ({
    invariant: "I1",
    message,
    ...(subject === undefined ? {} : { subject }),
  });
  return {
    name: "I1",
    atEnd(log) {
      const ended = readEnd(view, log);
      const awaited = new Set<string>();
      for (const record of ended.requests) {
        const { subject } = view.index.identityOf(record);
        const { kind } = expectationOf(view, record);
        if (kind === "unreadable" && !ended.letters_of.has(placeOf(record))) {
          return broken(`${placeOf(record)} cannot be read and has no dead letter`, subject);
        }
        if (kind !== "result" || subject === undefined) continue;
        awaited.add(subject);
        const results = ended.results.get(subject)?.length ?? 0;
        if (results !== 1) return broken(`${subject} has ${results} results`, subject);
        const problem = contentProblem(view, ended, record, subject);
        if (problem !== undefined) return broken(problem, subject);
      }
      for (const subject of ended.results.keys()) {
        if (!awaited.has(subject)) return broken(`${subject} has a result that nobody should have`, subject);
      }
      return undefined;
    },
  };
}

/** What is wrong with a request given the content that won its id. A refused request's Result may not say its content. */
function contentProblem(view: FlowView, ended: Ended, request: InRecord, subject: string): string | undefined {
  const { index, topics } = view;
  const result = ended.results.get(subject)?.[0];
  const winner = result === undefined ? undefined : index.identityOf(result).content;
  const { content } = index.identityOf(request);
  if (winner === undefined || content === undefined) return undefined;
  const own_letter = ended.letters_of.has(placeOf(request));
  if (winner === content) {
    const wrong = own_letter && !view.idsWereForgotten();
    return wrong ? `${subject} has a result and ${placeOf(request)} is a dead letter` : undefined;
  }
  // When the memory of ids was lost with Redis, the conflict is found later: when it is entered again, or at the outcome.
  const found_at = [topics.outcomes, ...topics.detours];
  const later = ended.letters.some((letter) => {
    const topic = letter.headers["kafka_dlt-original-topic"] ?? "";
    const original = found_at.includes(topic) ? index.originalOf(letter) : undefined;
    return original !== undefined && index.subjectOf(original) === subject;
  });
  return own_letter || later ? undefined : `${placeOf(request)} has other content than ${subject} and no dead letter`;
}

/**
 * I9: a record that a stage cannot handle is a dead letter with the original key and bytes. At least once; exactly once where the
 * dead letter is written in the transaction that moves the offset. (That its partition goes on is what liveness checks.)
 */
export function poisonBecomesDeadLetters(view: FlowView): Invariant {
  const broken = (message: string, subject?: string): Violation => ({
    invariant: "I9",
    message,
    ...(subject === undefined ? {} : { subject }),
  });
  return {
    name: "I9",
    atEnd(log) {
      const ended = readEnd(view, log);
      for (const record of ended.requests) {
        const expectation = expectationOf(view, record);
        if (expectation.kind !== "poison") continue;
        const { subject } = view.index.identityOf(record);
        const inputs = view.topics.inputs_of[expectation.stage] ?? [];
        const buried = ended.letters.some(
          (letter) =>
            inputs.includes(letter.headers["kafka_dlt-original-topic"] ?? "") &&
            view.index.subjectOf(letter) === subject,
        );
        if (!buried)
          return broken(`${subject} is poison for ${expectation.stage} and has no dead letter there`, subject);
      }
      return letterProblem(view, ended, broken);
    },
  };
}

function letterProblem(
  view: FlowView,
  { letters, letters_of }: Ended,
  broken: (message: string, subject?: string) => Violation,
): Violation | undefined {
  for (const letter of letters) {
    const original = view.index.originalOf(letter);
    const subject = view.index.subjectOf(letter);
    if (original === undefined) return broken(`a dead letter names ${originOf(letter)}, which is no record`, subject);
    if (!same(letter.value, original.value) || !same(letter.key, original.key)) {
      return broken(`the dead letter of ${originOf(letter)} has other bytes than the original`, subject);
    }
  }
  for (const [origin, copies] of letters_of) {
    const group = copies[0]?.headers["kafka_dlt-original-consumer-group"];
    if (copies.length > 1 && group === view.topics.transactional_group) {
      return broken(
        `${origin} has ${copies.length} dead letters from ${group}`,
        view.index.subjectOf(copies[0] as InRecord),
      );
    }
  }
  return undefined;
}

function same(one: Buffer | null, other: Buffer | null): boolean {
  return one === other || (one !== null && other !== null && one.equals(other));
}
