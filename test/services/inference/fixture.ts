/** Jobs, answers of a model and a backend with room for all, for tests of inference. */
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { priceOf } from "../../../libs/shared/money.ts";
import type { PriceList } from "../../../libs/shared/prices.ts";
import type { Backend, CallNeeds, CallReport, Permit, Refusal } from "../../../services/inference/backend.ts";
import { AttemptLedger } from "../../../services/inference/ledger/ledger.ts";
import type { ModelAnswer, ModelCall, ModelClient } from "../../../services/inference/model-client.ts";
import type { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import type { MemoryAttempts } from "../../support/memory-attempts.ts";

/** A dollar a million tokens, in and out; half of it in a batch. */
export const PRICES: PriceList = {
  version: "v1",
  priceOf: (_model, batched) =>
    priceOf({ input_usd_per_mtok: batched ? 0.5 : 1, output_usd_per_mtok: batched ? 0.5 : 1 }),
};

export const RETRY = { base_ms: 100, cap_ms: 2_000 };
export const LATENCY_MS = 50;
export const TIMEOUT_MS = 10_000;

export function jobOf(more: Partial<JobHead> = {}): JobHead {
  return {
    id: "r1",
    tenant: "demo",
    content_hash: "h",
    kind: "chat",
    lane: "interactive",
    timing: { received: 1 },
    route: { tier: "small", model: "m1", reason: "", cache: "miss", attempts: 0 },
    ...more,
  };
}

export function answered(status: number, body: unknown, retry_after_ms?: number): ModelAnswer {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return { kind: "answered", status, body: bytes, ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}

/** Costs 5 µ$ at `PRICES`. */
export const OK = answered(200, { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } });

type Reply = ModelAnswer | ((call: ModelCall) => ModelAnswer | Promise<ModelAnswer>);

/** A model that gives these answers after `LATENCY_MS`, the last one again and again; a call that is given up is answered so. */
export class ScriptedModel implements ModelClient {
  readonly calls: (ModelCall & { readonly at_ms: number })[] = [];
  readonly #clock: VirtualClock;
  readonly #replies: readonly Reply[];

  constructor(clock: VirtualClock, replies: readonly Reply[]) {
    this.#clock = clock;
    this.#replies = replies;
  }

  call(call: ModelCall): Promise<ModelAnswer> {
    const reply = this.#replies[Math.min(this.calls.length, this.#replies.length - 1)] as Reply;
    this.calls.push({ ...call, at_ms: this.#clock.now_ms() });
    return new Promise((resolve, reject) => {
      call.signal?.addEventListener("abort", () => resolve({ kind: "aborted" }), { once: true });
      if (call.signal?.aborted) resolve({ kind: "aborted" });
      this.#clock.after(LATENCY_MS, () => {
        if (typeof reply !== "function") resolve(reply);
        else
          Promise.resolve()
            .then(() => reply(call))
            .then(resolve, reject);
      });
    });
  }
}

/** Gives a permit at once, or refuses as scripted; keeps how each permit ended. */
export class OpenBackend implements Backend {
  readonly asked: CallNeeds[] = [];
  /** Of each permit: the reports of its ends, of which there should be one. */
  readonly ends: (CallReport | undefined)[][] = [];
  /** Consulted first; undefined gives a permit. */
  refuse: (needs: CallNeeds) => Refusal | undefined | Promise<Refusal | undefined> = () => undefined;
  waited_ms: Permit["waited_ms"] = {};
  endpoint = "e1";
  readonly #client: ModelClient;

  constructor(client: ModelClient) {
    this.#client = client;
  }

  async permit(needs: CallNeeds): Promise<Permit | Refusal> {
    this.asked.push(needs);
    const refusal = await this.refuse(needs);
    if (refusal !== undefined) return refusal;
    const ends: (CallReport | undefined)[] = [];
    this.ends.push(ends);
    const { waited_ms, endpoint } = this;
    return { kind: "permit", endpoint, client: this.#client, waited_ms, end: (report) => void ends.push(report) };
  }
}

export function ledgerOn(
  store: MemoryAttempts,
  clock: VirtualClock,
  options: { readonly instance?: string; readonly on_unknown?: "retry" | "quarantine" } = {},
): AttemptLedger {
  const { instance = "a", on_unknown = "retry" } = options;
  store.alive.add(instance);
  return new AttemptLedger({
    store,
    clock,
    retry: { clock, random: () => 0.5, log: silentLog, policy: RETRY },
    settings: { on_unknown, answer_ttl_hours: 24, published_ttl_minutes: 10, alive_ttl_ms: 6_000 },
    instance,
    counted: () => undefined,
  });
}
