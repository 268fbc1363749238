/**
 * The counters' answers for a batch, and the ledger's word on them. What was reserved is acknowledged by the ledger before anything
 * that may spend it goes out: a rebuild of lost counters then knows of it (I4, I8).
 */
import type { AdmissionStore, Answer, Crossing } from "../../libs/shared/budgets/admission-store.ts";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { KEY_HEADER } from "../../libs/shared/events/headers.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { usageEntryOut } from "../../libs/shared/events/usage-records.ts";
import type { OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { askOf, type Judged } from "./reading.ts";

export type ReservingDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly store: AdmissionStore;
  readonly reentry: boolean;
  /** While the counters cannot be asked: paid work waits, or goes on unbudgeted. */
  readonly without_redis: "wait" | "admit";
  /** From the ask to the ledger's acknowledgement; later, it is asked again. */
  readonly lease_ms: number;
  /** Told that the counters are gone. */
  readonly onLost: () => void;
  readonly onCrossings: (crossings: readonly Crossing[]) => void;
  /** Told how many were let through unbudgeted, for metrics. */
  readonly onUnbudgeted: (requests: number) => void;
};

/** A ledger that is slower than so many leases in a row is not there: the batch is tried again as a whole. */
const LEASES_MAX = 5;

/** The hold of what was admitted without counters: nothing is reserved, its cost settles all the same. */
export const UNBUDGETED = "unbudgeted";

/** @returns the answers, in the order of the records. @throws retryable errors while the counters or the ledger are away. */
export async function reserve(deps: ReservingDeps, judged: readonly Judged[]): Promise<readonly Answer[]> {
  if (judged.length === 0) return [];
  for (let round = 0; round < LEASES_MAX; round += 1) {
    const asked_ms = deps.clock.now_ms();
    const answers = await ask(deps, judged);
    const crossings = answers.flatMap((answer) => (answer.kind === "admitted" ? answer.crossings : []));
    if (crossings.length > 0) deps.onCrossings(crossings);
    const entries = judged.flatMap((one, index) => ledgerEntry(deps, one, answers[index] as Answer));
    if (entries.length === 0) return answers;
    await deps.publisher.publish(entries);
    if (deps.clock.now_ms() - asked_ms < deps.lease_ms) return answers;
  }
  throw new SluiceError("ledger_slow", "the ledger takes longer than admission.lease_ms", { retryable: true });
}

async function ask(deps: ReservingDeps, judged: readonly Judged[]): Promise<readonly Answer[]> {
  const { store, reentry, without_redis } = deps;
  let answers: readonly Answer[];
  try {
    answers = await store.reserve(judged.map((one) => askOf(one, reentry)));
  } catch (error) {
    if (without_redis === "wait" || !(error instanceof SluiceError && error.retryable)) throw error;
    return unbudgeted(deps, judged);
  }
  if (answers.every(({ kind }) => kind !== "lost")) return answers;
  deps.onLost();
  if (without_redis === "admit") return unbudgeted(deps, judged);
  const message = "the counters of budgets and limits are lost; paid work waits until they are rebuilt";
  throw new SluiceError("counters_lost", message, { retryable: true });
}

/** Nobody can be asked: repeats are told apart later, by the ledger of attempts and by the claim. */
function unbudgeted(deps: ReservingDeps, judged: readonly Judged[]): Answer[] {
  deps.onUnbudgeted(judged.filter(({ needs }) => needs !== undefined).length);
  const at_ms = deps.clock.now_ms();
  return judged.map(({ admission: { identity }, needs }): Answer => {
    if (needs === undefined) return { kind: "known", id: identity.id };
    const counters = countersOf(needs, at_ms);
    const reservation = { hold_id: UNBUDGETED, reserved_nusd: 0, tokens: 0, counters, at_ms };
    return { kind: "admitted", id: identity.id, reservation, epoch: "", room: {}, crossings: [] };
  });
}

/** A redelivered record's entry may be missing: it is written again, and the first one counts. */
function ledgerEntry(deps: ReservingDeps, judged: Judged, answer: Answer): OutRecord[] {
  if (answer.kind !== "admitted" && answer.kind !== "redelivered") return [];
  const { reservation, epoch } = answer;
  const { admission, arrival, needs, record } = judged;
  if (reservation.hold_id === UNBUDGETED || needs === undefined) return [];
  const { tenant, id, content_hash } = admission.identity;
  const key_id = record.headers[KEY_HEADER];
  const entry: UsageEntry = {
    kind: "reserved",
    tenant,
    id,
    hold_id: reservation.hold_id,
    at_ms: reservation.at_ms,
    reserved_nusd: reservation.reserved_nusd,
    settled_nusd: 0,
    counters: reservation.counters,
    cause: "admitted",
    epoch,
    content_hash,
    place: `${arrival.topic} ${arrival.partition} ${arrival.offset}`,
    expires_ms: needs.expires_ms,
    tokens: { reserved: reservation.tokens },
    ...(needs.user === undefined ? {} : { user: needs.user }),
    ...(key_id === undefined ? {} : { key_id }),
  };
  return [usageEntryOut(deps.codec, deps.names.usage, entry)];
}
