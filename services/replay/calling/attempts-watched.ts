/**
 * Inference's attempt ledger (I3) as a replay uses it: the same entries in the same store, under the replay's own names.
 *
 * - **W1** Before a call is written down as sent, the replay is asked whether that may cost what it costs.
 * - **W2** What is "published" by a replay is in this process's memory only: an answer stays in its entry until its Result is written, so
 *   that whoever goes on after a crash finds it. A job that has failed or goes into another round is left as one that nobody works on.
 * - **W3** A tenant's totals of unknown calls are its own traffic's: a replay adds nothing to them (I7).
 */
import { encodeEntry, headLineOf } from "../../../libs/shared/redis/attempt-entry.ts";
import type { AttemptStore, JobName, Swap } from "../../inference/ledger/store.ts";

/** What the ledger knows of a record: calls of all its hops and runs, and those whose answers nobody knows. */
export type CallCounts = { readonly calls: number; readonly unknown: number };

/** An answer that stays until its Result is written. */
export type KeptAnswer = { readonly job: JobName; readonly head: string };

type Watched = {
  readonly hops: Map<number, CallCounts>;
  readonly answers: Map<number, KeptAnswer>;
  /** Whether the ledger had anything of it when it was first looked at. */
  found?: boolean;
};

const SHORT_TTL_MS = 600_000;

export class WatchedAttempts implements AttemptStore {
  readonly #store: AttemptStore;
  readonly #beforeCall: (id: string, counts: CallCounts) => Promise<void>;
  /** By run id; as many as are in flight. */
  readonly #watched = new Map<string, Watched>();

  /** @param beforeCall rejects where the call must not be made. */
  constructor(store: AttemptStore, beforeCall: (id: string, counts: CallCounts) => Promise<void>) {
    this.#store = store;
    this.#beforeCall = beforeCall;
  }

  watch(id: string): void {
    this.#watched.set(id, { hops: new Map(), answers: new Map() });
  }

  forget(id: string): void {
    this.#watched.delete(id);
  }

  counts(id: string): CallCounts {
    const all = [...(this.#watched.get(id)?.hops.values() ?? [])];
    return {
      calls: all.reduce((sum, { calls }) => sum + calls, 0),
      unknown: all.reduce((sum, { unknown }) => sum + unknown, 0),
    };
  }

  /** False where it has been looked at and there was no entry; undefined before. */
  found(id: string): boolean | undefined {
    return this.#watched.get(id)?.found;
  }

  answers(id: string): readonly KeptAnswer[] {
    return [...(this.#watched.get(id)?.answers.values() ?? [])];
  }

  /** Their Results are written. Best effort: what stays goes with its time. */
  async release(answers: readonly KeptAnswer[]): Promise<void> {
    const next = encodeEntry({ state: "published" });
    await Promise.allSettled(
      answers.map(({ job, head }) => this.#store.swap({ job, expected: head, next, ttl_ms: SHORT_TTL_MS })),
    );
  }

  async swap({ job, expected, next, ttl_ms }: Swap): Promise<string | undefined> {
    const head = firstLine(next);
    if (isOver(head)) return this.#over({ job, expected, ttl_ms });
    // W1. With the counts that the entry is about to have.
    if (head.startsWith("D ") && !expected.startsWith("D ")) await this.#beforeCall(job.id, this.counts(job.id));
    const seen = await this.#store.swap({ job, expected, next, ttl_ms });
    this.#saw(job, seen === undefined ? head : headLineOf(seen), seen !== undefined || expected !== "");
    return seen;
  }

  async read(job: JobName): Promise<string> {
    const entry = await this.#store.read(job);
    this.#saw(job, headLineOf(entry), entry !== "");
    return entry;
  }

  isAlive(instance: string): Promise<boolean> {
    return this.#store.isAlive(instance);
  }

  /** W2. */
  async #over({ job, expected, ttl_ms }: Omit<Swap, "next">): Promise<string | undefined> {
    const [state, run = "", calls, unknown] = expected.split(" ");
    if (state !== "R" && state !== "D") return undefined;
    const left = { state: "reserved" as const, run, calls: Number(calls), unknown: Number(unknown), until_ms: 0 };
    return this.#store.swap({ job, expected, next: encodeEntry(left), ttl_ms });
  }

  #saw(job: JobName, head: string, found: boolean): void {
    const watched = this.#watched.get(job.id);
    if (watched === undefined) return;
    watched.found ??= found;
    const [state, , calls, unknown] = head.split(" ");
    if (state !== "R" && state !== "D" && state !== "A") return;
    const hop = job.hop ?? 0;
    watched.hops.set(hop, { calls: Number(calls), unknown: Number(unknown) });
    if (state === "A") watched.answers.set(hop, { job, head });
  }
}

/** Published, left, or passed on. */
function isOver(head: string): boolean {
  return head === "P" || head.startsWith("L ") || head.startsWith("N ");
}

function firstLine(entry: Buffer): string {
  const end = entry.indexOf("\n");
  return entry.toString("utf8", 0, end < 0 ? entry.length : end);
}
