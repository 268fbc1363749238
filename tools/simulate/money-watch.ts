/**
 * Follows the money by what stands in the log alone, never by what the store says. A reservation is open from the moment its admitted
 * record is written until the transaction that settles or releases it is committed.
 */
import { type CounterRef, counterName } from "../../libs/shared/budgets/scopes.ts";
import { NO_HOLD, type Reservation, type UsageEntry, usageEntrySchema } from "../../libs/shared/events/usage.ts";
import { unframe } from "../../libs/shared/events/wire.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import type { Violation } from "./invariants.ts";
import type { LogTransaction } from "./log.ts";
import type { Plans } from "./plans.ts";

export type MoneyTopics = { readonly usage: string; readonly admitted: readonly string[]; readonly results: string };

type Admitted = { readonly tenant: string; readonly id: string; readonly reservation: Reservation };
type Pending = { readonly entry: UsageEntry; readonly transaction: LogTransaction };

export class MoneyWatch {
  readonly #topics: MoneyTopics;
  readonly #plans: Plans;
  /** Open reservations plus settled costs, by tenant and counter. */
  readonly #used_nusd = new Map<string, number>();
  /** Those let through so far, by hold; false once closed. */
  readonly #open = new Map<string, boolean>();
  /** Holds that the ledger knows. */
  readonly #told = new Set<string>();
  readonly #closed = new Set<string>();
  #pending: Pending[] = [];

  constructor(topics: MoneyTopics, plans: Plans) {
    this.#topics = topics;
    this.#plans = plans;
  }

  add(record: InRecord, transaction: LogTransaction | undefined): Violation | undefined {
    const violation = this.settle();
    if (violation !== undefined) return violation;
    if (this.#topics.admitted.includes(record.topic)) return this.#admit(jsonOf(record) as Admitted);
    if (record.topic !== this.#topics.usage) return undefined;
    const entry = usageEntrySchema.parse(jsonOf(record));
    if (transaction === undefined) return this.#enter(entry);
    this.#pending.push({ entry, transaction });
    return undefined;
  }

  /** What was committed since; to be called at the end too. */
  settle(): Violation | undefined {
    const ended = this.#pending.filter(({ transaction }) => transaction.state !== "open");
    if (ended.length === 0) return undefined;
    this.#pending = this.#pending.filter(({ transaction }) => transaction.state === "open");
    for (const { entry, transaction } of ended) {
      const violation = transaction.state === "committed" ? this.#enter(entry) : undefined;
      if (violation !== undefined) return violation;
    }
    return undefined;
  }

  #admit({ tenant, id, reservation }: Admitted): Violation | undefined {
    const { hold_id, reserved_nusd, counters } = reservation;
    const subject = `${tenant} ${id}`;
    if (!this.#told.has(hold_id)) {
      return { invariant: "I8", message: `${subject} is let through and the ledger knows no hold ${hold_id}`, subject };
    }
    if (this.#open.has(hold_id) || this.#closed.has(hold_id)) return undefined;
    this.#open.set(hold_id, true);
    return this.#move(subject, tenant, counters, reserved_nusd);
  }

  #enter({ kind, tenant, id, hold_id, reserved_nusd, settled_nusd, counters }: UsageEntry): Violation | undefined {
    if (kind === "reserved") {
      this.#told.add(hold_id);
      return undefined;
    }
    const subject = `${tenant} ${id}`;
    if (hold_id !== NO_HOLD) {
      if (this.#closed.has(hold_id)) {
        return { invariant: "I8", message: `the hold ${hold_id} of ${subject} is settled twice`, subject };
      }
      this.#closed.add(hold_id);
    }
    const back_nusd = this.#open.get(hold_id) ? reserved_nusd : 0;
    this.#open.set(hold_id, false);
    return this.#move(subject, tenant, counters, settled_nusd - back_nusd);
  }

  #move(subject: string, tenant: string, counters: readonly CounterRef[], moved_nusd: number): Violation | undefined {
    for (const ref of counters) {
      const name = `${tenant} ${counterName(ref)}`;
      const used_nusd = (this.#used_nusd.get(name) ?? 0) + moved_nusd;
      this.#used_nusd.set(name, used_nusd);
      const cap_nusd = this.#plans.get(tenant)?.caps_nusd[ref.scope];
      if (cap_nusd === undefined || used_nusd <= cap_nusd || moved_nusd <= 0) continue;
      const message = `${name} has ${used_nusd} nano-dollars reserved and settled, its cap is ${cap_nusd}`;
      return { invariant: "I4", message, subject };
    }
    return undefined;
  }
}

export function jsonOf({ value, topic }: InRecord): unknown {
  const framed = value === null ? undefined : unframe(value);
  if (framed === undefined || framed.kind === "unreadable")
    throw new Error(`${topic} has a record that nobody can read`);
  return JSON.parse(framed.payload.toString());
}
