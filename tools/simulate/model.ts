/** A model backend in memory. It outlives every process, is away at times, and remembers what it was really asked and what it said. */
import type { ModelAnswer, ModelCall, ModelClient } from "../../services/inference/model-client.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { Stores } from "./stores.ts";

export type ModelRates = {
  /** Parts of the calls: refused with a status, answered with nonsense, answered with a refusal in words, cut off. */
  readonly refusal: number;
  readonly garbage: number;
  readonly weak: number;
  readonly cut: number;
  readonly latency_ms: number;
};

/** A successful answer, and the request that it was made for. */
export type Given = {
  readonly tenant: string;
  readonly id: string;
  /** Of the call, as JSON. */
  readonly messages: string;
  readonly finish_reason: "stop" | "length";
};

/** Every successful answer has a name of its own in the provider's JSON, by which it is known wherever it turns up. */
export class GivenAnswers {
  readonly #given = new Map<string, Given>();

  /** @returns the answer's name. */
  add(given: Given): string {
    const name = `chatcmpl-${this.#given.size}`;
    this.#given.set(name, given);
    return name;
  }

  /** What stands behind an answer's JSON; undefined for one that no model gave. */
  of(response: unknown): Given | undefined {
    const { id } = (response ?? {}) as { readonly id?: string };
    return id === undefined ? undefined : this.#given.get(id);
  }
}

/** @param tenant whose request the calls are made for: the model says so in its answers. */
export function modelClient(
  process: SimulatedProcess,
  stores: Stores,
  rates: ModelRates,
  random: Random,
  tenant: string,
): ModelClient {
  const answer = ({ id, body }: ModelCall): ModelAnswer => {
    if (stores.isAway("model")) return { kind: "unreachable", message: "connection refused" };
    if (random.chance(rates.refusal)) {
      const status = random.pick([429, 500, 503]);
      return { kind: "answered", status, body: Buffer.from("{}"), retry_after_ms: random.int(0, 2_000) };
    }
    if (random.chance(rates.garbage)) return { kind: "answered", status: 200, body: Buffer.from("<html>") };
    stores.attempts.answered(id);
    const { messages } = JSON.parse(body.toString()) as { readonly messages: unknown };
    const finish_reason = random.chance(rates.cut) ? "length" : "stop";
    const name = stores.given.add({ tenant, id, messages: JSON.stringify(messages), finish_reason });
    const text = random.chance(rates.weak) ? "I cannot assist with that." : `answer to ${id} of ${tenant}`;
    const completion_tokens = random.int(1, COMPLETION_TOKENS_MAX);
    return { kind: "answered", status: 200, body: completion(name, text, finish_reason, completion_tokens) };
  };
  return {
    async call(asked) {
      const work_ms = random.next() * 2 * rates.latency_ms;
      if (work_ms > asked.timeout_ms) return { kind: "timeout" };
      try {
        return await process.call("model: call", () => answer(asked), { lost: () => new LostCall(), work_ms });
      } catch (error) {
        if (error instanceof LostCall) return { kind: "timeout" };
        throw error;
      }
    },
  };
}

class LostCall extends Error {}

/** What the simulated model takes for one call. */
export const PROMPT_TOKENS = 3;
export const COMPLETION_TOKENS_MAX = 4;

function completion(id: string, content: string, finish_reason: string, completion_tokens: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      id,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason }],
      usage: { prompt_tokens: PROMPT_TOKENS, completion_tokens, total_tokens: PROMPT_TOKENS + completion_tokens },
    }),
  );
}
