/** A run's share over several processes, for loads that one cannot make: each takes every n-th arrival, and what they recorded adds up. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { SluiceError } from "../../libs/shared/errors.ts";
import { COUNTS, type Counts, type Recorded, Recorder } from "./recorder.ts";
import type { Job, Share } from "./share.ts";
import { stepLength } from "./steps.ts";

export type ToWorker =
  | { readonly kind: "open"; readonly job: Job }
  | { readonly kind: "run"; readonly start_ms: number }
  | { readonly kind: "stop" }
  | { readonly kind: "close" };
export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "counts"; readonly counts: Counts }
  | { readonly kind: "done"; readonly recorded: Recorded }
  | { readonly kind: "failed"; readonly message: string };

const SCRIPT = fileURLToPath(new URL("worker.ts", import.meta.url));

/** Resolves when every worker is ready. @param duration_ms of all phases. @throws `internal_error` for one that fails. */
export async function openWorkers(job: Omit<Job, "share">, count: number, duration_ms: number): Promise<Share> {
  const workers = Array.from({ length: count }, (_, index) => new Worker({ ...job, share: { index, of: count } }));
  const close = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.close()));
  };
  try {
    await Promise.all(workers.map(({ ready }) => ready));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async run(start_ms, tell) {
      const latest = new Map<Worker, Counts>();
      const recorded = await Promise.all(
        workers.map((worker) =>
          worker.run(start_ms, (counts) => {
            latest.set(worker, counts);
            tell(sumOf([...latest.values()]));
          }),
        ),
      );
      const all = new Recorder(start_ms, stepLength(duration_ms));
      for (const one of recorded) all.add(one);
      return all.recorded();
    },
    stop() {
      for (const worker of workers) worker.stop();
    },
    close,
  };
}

/** Pure. */
function sumOf(all: readonly Counts[]): Counts {
  const sum = (name: keyof Counts): number => all.reduce((total, counts) => total + counts[name], 0);
  return Object.fromEntries(COUNTS.map((name) => [name, sum(name as keyof Counts)])) as Counts;
}

class Worker {
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<Recorded>();
  readonly #exited: Promise<void>;
  #tell: (counts: Counts) => void = () => undefined;

  constructor(job: Job) {
    this.#child = fork(SCRIPT, [], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#exited = new Promise((resolve) => this.#child.once("exit", () => resolve()));
    this.ready = this.#ready.promise;
    for (const { promise } of [this.#ready, this.#done]) promise.catch(() => undefined);
    this.#child.on("message", (message: FromWorker) => this.#take(message));
    this.#child.once("error", (error) => this.#fail(error.message));
    void this.#exited.then(() => this.#fail("it ended before its share did"));
    this.#child.send({ kind: "open", job } satisfies ToWorker);
  }

  run(start_ms: number, tell: (counts: Counts) => void): Promise<Recorded> {
    this.#tell = tell;
    this.#send({ kind: "run", start_ms });
    return this.#done.promise;
  }

  stop(): void {
    this.#send({ kind: "stop" });
  }

  async close(): Promise<void> {
    this.#send({ kind: "close" });
    await this.#exited;
  }

  #take(message: FromWorker): void {
    if (message.kind === "ready") this.#ready.resolve();
    else if (message.kind === "counts") this.#tell(message.counts);
    else if (message.kind === "done") this.#done.resolve(message.recorded);
    else this.#fail(message.message);
  }

  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message);
  }

  #fail(why: string): void {
    const error = new SluiceError("internal_error", `a worker of the load failed: ${why}`);
    this.#ready.reject(error);
    this.#done.reject(error);
  }
}
