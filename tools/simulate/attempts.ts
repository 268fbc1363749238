/** The attempt ledger's store in memory, who lives, and what a model was paid for: I3 is told from these. */
import { unavailable } from "../../libs/shared/errors.ts";
import type { AttemptStore, JobName } from "../../services/inference/ledger/store.ts";
import type { Invariant } from "./invariants.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Stores } from "./stores.ts";

/** How long a worker without a sign of life counts as alive. */
export const ALIVE_TTL_MS = 3_000;

/** The state of one run, beside the other stores. */
export class Attempts {
  readonly entries = new Map<string, string>();
  readonly beats_ms = new Map<string, number>();
  /** Jobs that ever had an entry, by request id: other content under one id is another job. */
  readonly jobs = new Map<string, Set<string>>();
  /** Calls with unknown answers that the ledger counted, by request id. */
  readonly unknown_calls = new Map<string, number>();
  /** Successful answers that the model has given, heard or not, by request id: what it was paid for. */
  readonly answers = new Map<string, number>();
  /** Times that a job was answered from the ledger, or found done. */
  spared = 0;

  answered(id: string): void {
    add(this.answers, id, 1);
  }
}

/** @param blind a bug on purpose: it writes whatever is there. */
export function attemptStore(process: SimulatedProcess, stores: Stores, blind: boolean): AttemptStore {
  const { attempts } = stores;
  const call = <T>(what: string, effect: () => T): Promise<T> => {
    const guarded = (): T => {
      if (stores.isAway("redis")) throw unavailable("redis", new Error("connection refused"));
      return effect();
    };
    return process.call(`redis: ${what}`, guarded, { lost: () => unavailable("redis", new Error("connection reset")) });
  };
  beat(process, attempts);
  return {
    swap: ({ job, expected, next, counts }) =>
      call("swap an attempt", () => {
        const key = keyOf(job);
        const there = attempts.entries.get(key) ?? "";
        if (!blind && there.split("\n", 1)[0] !== expected) return there;
        attempts.entries.set(key, next.toString());
        const jobs = attempts.jobs.get(job.id) ?? new Set();
        attempts.jobs.set(job.id, jobs.add(key));
        add(attempts.unknown_calls, job.id, counts?.unknown_calls ?? 0);
        return undefined;
      }),
    read: (job) => call("read an attempt", () => attempts.entries.get(keyOf(job)) ?? ""),
    isAlive: (instance) =>
      call("ask who lives", () => {
        const beat_ms = attempts.beats_ms.get(instance) ?? Number.NEGATIVE_INFINITY;
        return process.clock.now_ms() - beat_ms < ALIVE_TTL_MS;
      }),
  };
}

/** Signs of life, as a worker gives them: none while it is stalled, none after its death. */
function beat(process: SimulatedProcess, attempts: Attempts): void {
  attempts.beats_ms.set(process.name, process.clock.now_ms());
  process.clock.after(ALIVE_TTL_MS / 3, () => beat(process, attempts));
}

/**
 * I3: of the answers that the model was paid for, one belongs to each job; every further one follows a call whose answer nobody
 * knew, and that the ledger has counted. Not told where Redis lost what it had.
 */
export function callsArePaidOnce(stores: Stores): Invariant {
  return {
    name: "I3",
    atEnd() {
      if (stores.redis_lost) return undefined;
      const { answers, jobs, unknown_calls } = stores.attempts;
      for (const [id, paid] of answers) {
        const allowed = (jobs.get(id)?.size ?? 0) + (unknown_calls.get(id) ?? 0);
        if (paid > allowed) {
          return {
            invariant: "I3",
            message: `${id} was answered ${paid} times by the model, the ledger knows of ${allowed}`,
          };
        }
      }
      return undefined;
    },
  };
}

function keyOf({ tenant, id, content_hash, hop = 0 }: JobName): string {
  return `${tenant} ${id} ${content_hash} ${hop}`;
}

function add(map: Map<string, number>, key: string, more: number): void {
  map.set(key, (map.get(key) ?? 0) + more);
}
