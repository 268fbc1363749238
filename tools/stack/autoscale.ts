/**
 * Follows what the scaler desires with real processes: starts instances, and stops the newest by SIGTERM, so that they drain. Each
 * change goes on by itself: what takes long to start or to end holds up no other.
 */
import { type Clock, systemClock } from "../../libs/shared/clock.ts";
import { describe, SluiceError } from "../../libs/shared/errors.ts";
import { type Rounds, startRounds } from "../../libs/shared/rounds.ts";
import type { Desired, DesiredTarget } from "../../libs/shared/scaling/desired.ts";
import { restartDelayMs } from "./backoff.ts";
import { type Instance, scaleSteps } from "./scale-steps.ts";
import { INSTANCES_MAX, instanceName, type ServiceName } from "./services.ts";

/** What works off topics. The gateway has one fixed port, and replay and scaler are one each. */
export const AUTOSCALED = ["ingest", "router", "inference", "results"] as const satisfies readonly ServiceName[];
export type Autoscaled = (typeof AUTOSCALED)[number];

export type ScaleEvent = Pick<DesiredTarget, "service" | "tier" | "reason" | "why"> & {
  readonly event: "scale";
  readonly from: number;
  readonly to: number;
};

export type AutoscaleDeps = {
  readonly services: readonly Autoscaled[];
  /** Of the workers, where they serve one alone: its target is theirs. */
  readonly tier?: string;
  /** Instances that run already, in the order of their starts. */
  readonly running: Readonly<Partial<Record<Autoscaled, readonly number[]>>>;
  readonly desired: () => Promise<Desired>;
  /** Resolves when it is ready; rejects with nothing left running. */
  readonly start: (service: Autoscaled, instance: number) => Promise<unknown>;
  /** Resolves when it has drained and is gone. Never rejects. */
  readonly stop: (name: string) => Promise<void>;
  readonly changed: (change: ScaleEvent) => void;
  readonly say: (line: string) => void;
  readonly clock?: Clock;
};

const LOOK_MS = 1_000;

type Managed = Instance & { stopping: boolean; readonly ended: Promise<unknown> };

export class Autoscaler {
  readonly #deps: AutoscaleDeps;
  readonly #clock: Clock;
  readonly #instances = new Map<Autoscaled, Managed[]>();
  /** By service: starts that went wrong in a row, and before when there is no other. */
  readonly #failures = new Map<Autoscaled, { readonly count: number; readonly not_before_ms: number }>();
  #rounds: Rounds | undefined;
  #trouble = "";

  constructor(deps: AutoscaleDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    for (const service of deps.services) {
      const numbers = deps.running[service] ?? [];
      const managed = numbers.map((number) => ({ number, stopping: false, ended: Promise.resolve() }));
      this.#instances.set(service, managed);
    }
  }

  begin(): void {
    this.#rounds = startRounds({
      clock: this.#clock,
      round: async () => {
        await this.look();
        return LOOK_MS;
      },
      failed: () => LOOK_MS,
    });
  }

  /** Looks no more. What is being started or stopped is left to whoever ends all of them. */
  async stop(): Promise<void> {
    await this.#rounds?.stop();
  }

  /** Never rejects. */
  async look(): Promise<void> {
    const desired = await this.#deps.desired().catch((error: unknown) => {
      this.#worry(`the scaler does not answer, so the number of workers stays: ${describe(error)}`);
      return undefined;
    });
    if (desired === undefined) return;
    this.#worry(
      desired.held === undefined ? "" : `the scaler cannot decide, so the number of workers stays: ${desired.held}`,
    );
    for (const target of desired.targets) this.#follow(target);
  }

  #follow(target: DesiredTarget): void {
    const service = this.#deps.services.find((known) => known === target.service);
    if (service === undefined || (target.tier !== undefined && target.tier !== this.#deps.tier)) return;
    const instances = this.#instances.get(service) ?? [];
    const steps = scaleSteps(instances, Math.min(target.desired, INSTANCES_MAX));
    const waits = this.#clock.now_ms() < (this.#failures.get(service)?.not_before_ms ?? 0);
    const starts = waits ? [] : steps.start;
    if (starts.length === 0 && steps.stop.length === 0) return;
    const from = instances.filter(({ stopping }) => !stopping).length;
    const { tier, reason, why } = target;
    const to = from + starts.length - steps.stop.length;
    this.#deps.changed({ event: "scale", service, ...(tier && { tier }), from, to, reason, why });
    for (const number of starts) this.#start(service, number);
    for (const number of steps.stop) this.#stop(service, number);
  }

  #start(service: Autoscaled, number: number): void {
    const starting = this.#deps.start(service, number).then(
      () => void this.#failures.delete(service),
      (error: unknown) => this.#failed(service, number, error),
    );
    const managed: Managed = { number, stopping: false, ended: starting };
    this.#instances.get(service)?.push(managed);
  }

  #failed(service: Autoscaled, number: number, error: unknown): void {
    const managed = this.#find(service, number);
    // One that was stopped while it started has not failed, and is forgotten where it was stopped.
    if (managed === undefined || managed.stopping) return;
    this.#forget(service, managed);
    const count = (this.#failures.get(service)?.count ?? 0) + 1;
    const delay_ms = restartDelayMs(count);
    this.#failures.set(service, { count, not_before_ms: this.#clock.now_ms() + delay_ms });
    this.#deps.say(`${instanceName(service, number)} did not start: ${describe(error)}`);
  }

  #stop(service: Autoscaled, number: number): void {
    const managed = this.#find(service, number);
    if (managed === undefined) return;
    managed.stopping = true;
    // Its number is free once it is gone, and whoever waited for its start knows.
    void Promise.all([this.#deps.stop(instanceName(service, number)), managed.ended]).then(() =>
      this.#forget(service, managed),
    );
  }

  #find(service: Autoscaled, number: number): Managed | undefined {
    return this.#instances.get(service)?.find((one) => one.number === number);
  }

  #forget(service: Autoscaled, managed: Managed): void {
    this.#instances.set(
      service,
      (this.#instances.get(service) ?? []).filter((one) => one !== managed),
    );
  }

  /** Said when it begins and when it is over, not each time. */
  #worry(trouble: string): void {
    if (trouble === this.#trouble) return;
    if (trouble !== "") this.#deps.say(trouble);
    else this.#deps.say("the scaler decides again");
    this.#trouble = trouble;
  }
}

/** "inference 1 → 3 (age): why". Pure. */
export function changeLine({ service, tier, from, to, reason, why }: ScaleEvent): string {
  return `${service}${tier === undefined ? "" : ` (${tier})`} ${from} → ${to} (${reason}): ${why}`;
}

/** Reads the value of `--autoscale`: services, comma-separated; all that can be without one. @throws `usage` */
export function parseAutoscale(text: string | boolean): readonly Autoscaled[] {
  if (typeof text === "boolean") return AUTOSCALED;
  const names = text.split(",").map((name) => name.trim());
  const wanted = AUTOSCALED.filter((service) => names.includes(service));
  const unknown = names.filter((name) => !wanted.some((service) => service === name));
  if (unknown.length === 0) return wanted;
  throw new SluiceError("usage", `--autoscale knows no service named ${unknown.join(", ")}`, {
    fix: `Name some of ${AUTOSCALED.join(", ")}, like --autoscale=inference,router; or none for all of them.`,
  });
}

/** Instances of a service among the names of processes, such as `inference` and `inference-2`. Pure. */
export function runningInstances(names: readonly string[], service: ServiceName): number[] {
  return names.flatMap((name) => {
    if (name === service) return [1];
    const match = name.startsWith(`${service}-`) ? /^\d+$/.exec(name.slice(service.length + 1)) : null;
    return match === null ? [] : [Number(match[0])];
  });
}
