/** Wires `up --autoscale`: the scaler as a process, and what it desires as processes too. */
import { describe } from "../../libs/shared/errors.ts";
import type { Desired } from "../../libs/shared/scaling/desired.ts";
import { type Autoscaled, Autoscaler, changeLine, runningInstances } from "./autoscale.ts";
import { SCALER_SERVICE, type ServiceInput, startInstance } from "./services.ts";

const ASK_MS = 3_000;

export type Autoscaling = {
  /** No process is started or stopped for it any more. */
  stop(): Promise<void>;
};

/** The scaler starts behind the others; until it is ready the number of workers stays. Where it cannot start, it is said. */
export function startAutoscaling(
  input: ServiceInput,
  services: readonly Autoscaled[],
  signal: AbortSignal,
): Autoscaling {
  const { supervisor, progress, env } = input;
  const names = (): string[] => supervisor.processes().map(({ name }) => name);
  const running = Object.fromEntries(services.map((service) => [service, runningInstances(names(), service)]));
  // Of workers that serve several tiers the target is all of inference.
  const tier = env["SLUICE_TIERS"]?.includes(",") ? undefined : env["SLUICE_TIERS"]?.trim();
  const scaler = new Autoscaler({
    ...{ services, running },
    ...(tier && { tier }),
    desired: () => askDesired(supervisor.processes().find(({ name }) => name === SCALER_SERVICE)?.url),
    start: (service, instance) => startInstance(input, service, instance),
    stop: (name) => supervisor.stop([name]),
    changed: (change) => progress.tell(change, changeLine(change)),
    say: (line) => progress.say(line),
  });
  let stopped = false;
  void startInstance(input, SCALER_SERVICE, 1).then(
    () => {
      if (!stopped) scaler.begin();
    },
    (error: unknown) => {
      if (!stopped && !signal.aborted)
        progress.say(`the scaler did not start; workers stay as they are: ${describe(error)}`);
    },
  );
  return {
    async stop() {
      stopped = true;
      await scaler.stop();
    },
  };
}

/** @throws where it is away, or has nothing decided yet. */
async function askDesired(url: string | null | undefined): Promise<Desired> {
  if (!url) throw new Error("it is being started");
  const response = await fetch(`${url}/desired`, { signal: AbortSignal.timeout(ASK_MS) });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  return (await response.json()) as Desired;
}
