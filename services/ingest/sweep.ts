/**
 * Holds past their time: the work they were made for has ended without a word or will never be done. Each is closed by an entry of
 * the ledger. Where a call may have been billed the whole reservation is settled (money is never given back that may have been
 * spent); where none was sent it is released. Should the work end after all, its outcome settles its cost on its own account.
 */
import type { AdmissionStore, ExpiredHold } from "../../libs/shared/budgets/admission-store.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { usageEntryOut } from "../../libs/shared/events/usage-records.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import type { Log } from "../../libs/shared/log.ts";
import { type Rounds, startRounds } from "../../libs/shared/rounds.ts";

export const SWEEP_INTERVAL_MS = 60_000;
/** Holds closed in one round. */
export const SWEEP_HOLDS_MAX = 1_000;
/** Closed together: what a crash in between can leave for the next time that they are looked at. */
const CHUNK = 100;

/** `under_way`: somebody works on it, or its outcome is told already and settles it. */
export type CallsSent = "none" | "sent" | "unknown" | "under_way";

export type SweepDeps = {
  readonly store: Pick<AdmissionStore, "expired">;
  /** Each round, before it looks: notes since when nothing that was told of calls is missing. */
  readonly watch: () => Promise<void>;
  /** In the order of the holds. */
  readonly callsSent: (holds: readonly ExpiredHold[]) => Promise<readonly CallsSent[]>;
  /**
   * Marks holds as closed by a sweep, for longer than the ledger takes to be applied: an entry that settles, written twice, would
   * charge twice. @returns for each whether it was not marked before.
   */
  readonly claim: (holds: readonly ExpiredHold[]) => Promise<readonly boolean[]>;
  /** Whether it is this process that sweeps now. */
  readonly isLeader: () => Promise<boolean>;
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  /** Of `llm.usage`. */
  readonly topic: string;
  readonly clock: Clock;
  readonly log: Log;
  /** For `sluice_expired_holds_total{kind}`. */
  readonly count: (kind: "settled" | "released") => void;
};

/** What closes an expired hold; undefined where it is to be left open. */
export function expiryEntry(hold: ExpiredHold, sent: CallsSent, now_ms: number): UsageEntry | undefined {
  if (sent === "under_way") return undefined;
  const { tenant, id, reservation } = hold;
  const { hold_id, reserved_nusd, counters, tokens } = reservation;
  const kind = sent === "none" ? "released" : "settled";
  const [settled_nusd, used] = sent === "none" ? [0, 0] : [reserved_nusd, tokens];
  return {
    kind,
    tenant,
    id,
    hold_id,
    at_ms: now_ms,
    reserved_nusd,
    settled_nusd,
    counters,
    cause: "expired",
    tokens: { reserved: tokens, used },
  };
}

/** One round. @returns how many holds were closed. Rejects while a part is away: the next round goes on. */
export async function sweepOnce(deps: SweepDeps): Promise<number> {
  await deps.watch();
  const holds = await deps.store.expired(SWEEP_HOLDS_MAX);
  let closed = 0;
  for (let at = 0; at < holds.length; at += CHUNK) closed += await closeHolds(deps, holds.slice(at, at + CHUNK));
  if (closed > 0) deps.log.info({ holds: closed }, "reservations past their time were closed");
  return closed;
}

async function closeHolds(deps: SweepDeps, holds: readonly ExpiredHold[]): Promise<number> {
  const sent = await deps.callsSent(holds);
  const now_ms = deps.clock.now_ms();
  const closing = holds.flatMap((hold, index) => {
    const entry = expiryEntry(hold, sent[index] ?? "unknown", now_ms);
    return entry === undefined ? [] : [{ hold, entry }];
  });
  if (closing.length === 0) return 0;
  const claimed = await deps.claim(closing.map(({ hold }) => hold));
  const entries = closing.flatMap(({ entry }, index) => (claimed[index] === true ? [entry] : []));
  if (entries.length === 0) return 0;
  await deps.publisher.publish(entries.map((entry) => usageEntryOut(deps.codec, deps.topic, entry)));
  for (const { kind } of entries) deps.count(kind as "settled" | "released");
  return entries.length;
}

/** Sweeps now and each minute until it is stopped. */
export class Sweeper {
  readonly #deps: SweepDeps;
  #rounds: Rounds | undefined;

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { clock, isLeader, log } = this.#deps;
    this.#rounds ??= startRounds({
      clock,
      round: async () => {
        if (await isLeader()) await sweepOnce(this.#deps);
        return SWEEP_INTERVAL_MS;
      },
      failed(error) {
        log.warn({ error }, "reservations past their time could not be looked at; the next round does");
        return SWEEP_INTERVAL_MS;
      },
    });
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    await this.#rounds?.stop();
  }
}
