/**
 * Warms a tier's endpoints up before traffic: connections are opened and models loaded by calls of one token, so that the first
 * person does not wait for either. Ends when every endpoint was tried and one at least answered, or after `wait_ms_max`.
 */
import { type BackoffPolicy, backoff_ms } from "../../../libs/shared/backoff.ts";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { WarmUpSettings } from "../../../libs/shared/config/inference.ts";
import type { ModelAnswer, ModelClient } from "../model-client.ts";
import { notReady, type OutputLimit, type WarmUpTier, warmUpRequest } from "./warm-up-body.ts";

export type WarmUpDeps = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly settings: WarmUpSettings;
  readonly tier: WarmUpTier & { readonly timeout_ms: number };
  /** With a client for each key, in turn until one is answered: a key may have been revoked. */
  readonly endpoints: readonly { readonly name: string; readonly clients: readonly ModelClient[] }[];
  /** Gives up early, as when the process is told to stop. */
  readonly signal?: AbortSignal;
};

export type WarmUp = {
  /** Endpoints that answered. */
  readonly ready: readonly string[];
  /** The others, and why. */
  readonly failed: readonly (readonly [endpoint: string, why: string])[];
};

const RETRY: BackoffPolicy = { base_ms: 250, cap_ms: 2_000 };

/** Once one endpoint is ready the others have so much longer: one that hangs does not keep a worker from its work. */
const OTHERS_MS = 2_000;

/** With `enabled: false`, nothing is called and nothing is ready. */
export async function warmUp(deps: WarmUpDeps): Promise<WarmUp> {
  const { clock, settings, endpoints } = deps;
  if (!settings.enabled) return { ready: [], failed: [] };
  const over = new AbortController();
  const end = (): void => over.abort();
  const timer = clock.after(settings.wait_ms_max, end);
  deps.signal?.addEventListener("abort", end, { once: true });
  if (deps.signal?.aborted) end();
  const until_ms = clock.now_ms() + settings.wait_ms_max;
  const timers = [timer];
  let one_ready = false;
  const whys = await Promise.all(
    endpoints.map(async ({ clients }) => {
      for (let attempt = 0; ; attempt += 1) {
        const client = clients[attempt % clients.length] as ModelClient;
        const why = await warmEndpoint(deps, client, until_ms, over.signal);
        if (why === undefined && !one_ready) {
          one_ready = true;
          timers.push(clock.after(OTHERS_MS, end));
        }
        if (why === undefined || one_ready || over.signal.aborted) return why;
        // At least a tenth of the ceiling, so that full jitter never spins.
        const wait_ms = backoff_ms(RETRY, attempt, 0.1 + 0.9 * deps.random());
        if (!(await waited(clock, wait_ms, over.signal))) return why;
        if (one_ready) return why;
      }
    }),
  );
  for (const one of timers) one.cancel();
  deps.signal?.removeEventListener("abort", end);
  return {
    ready: endpoints.filter((_, index) => whys[index] === undefined).map(({ name }) => name),
    failed: endpoints.flatMap(({ name }, index) => (whys[index] === undefined ? [] : [[name, whys[index]] as const])),
  };
}

/** One round of calls. @returns why no connection is ready, undefined when one is. */
async function warmEndpoint(
  deps: WarmUpDeps,
  client: ModelClient,
  until_ms: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const connections = Array.from({ length: deps.settings.connections }, (_, index) => index);
  const whys = await Promise.all(connections.map((index) => ping(deps, client, index, until_ms, signal)));
  return whys.includes(undefined) ? undefined : whys[0];
}

/** One call, with the other name of the output limit where a server does not take the first. */
async function ping(
  { clock, tier }: WarmUpDeps,
  client: ModelClient,
  index: number,
  until_ms: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const call = async (limit: OutputLimit): Promise<ModelAnswer> => {
    const left_ms = until_ms - clock.now_ms();
    if (left_ms <= 0 || signal.aborted) return { kind: "timeout" };
    const timeout_ms = Math.min(tier.timeout_ms, left_ms);
    return client.call({ ...warmUpRequest(tier, limit), timeout_ms, id: `warm-up-${index}`, signal, warm_up: true });
  };
  const answer = await call("max_completion_tokens");
  const refused = answer.kind === "answered" && answer.status === 400 && tier.kind === "chat";
  return notReady(refused ? await call("max_tokens") : answer);
}

/** @returns false when the signal came first. */
function waited(clock: Clock, wait_ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const timer = clock.after(wait_ms, () => {
      signal.removeEventListener("abort", stop);
      resolve(true);
    });
    const stop = (): void => {
      timer.cancel();
      resolve(false);
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
