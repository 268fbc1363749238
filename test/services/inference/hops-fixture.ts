/** Two tiers on one World: what is published for the next hop is handled in turn, by workers that may crash at any step. */
import { priceSchema } from "../../../libs/shared/config/inference.ts";
import { type RoutingSettings, routingSchema } from "../../../libs/shared/config/routing.ts";
import type { Decision, Usage } from "../../../libs/shared/events/fields.ts";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import type { InRecord, OutRecord } from "../../../libs/shared/kafka/ports.ts";
import type { ModelAnswer, ModelCall } from "../../../services/inference/model-client.ts";
import type { HopSettings } from "../../../services/inference/shaping.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { answered } from "./fixture.ts";
import { HOPS, type RunOptions, World, type WorldOptions } from "./handler-fixture.ts";

type Routing = Partial<Omit<RoutingSettings, "escalation">> & { escalation?: Partial<RoutingSettings["escalation"]> };

/** Three tiers: a million tokens of `small` cost a dollar, of `large` 10, of `huge` 100, as bounds see it; calls cost what `PRICES` says. */
export function hopSettings(routing: Routing, more: Partial<HopSettings> = {}): HopSettings {
  const price = (usd: number) =>
    priceSchema.parse({ input_usd_per_mtok: usd, output_usd_per_mtok: usd, output_tokens_max: 100 });
  return {
    ...HOPS,
    routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "small", ...routing }),
    tiers: {
      small: { kind: "chat", models: ["m1"], prompts: {} },
      large: { kind: "chat", models: ["m2"], prompts: {} },
      huge: { kind: "chat", models: ["m3"], prompts: {} },
    },
    prices: { version: "v1", models: { m1: price(1), m2: price(10), m3: price(100) } },
    ...more,
  };
}

export const ESCALATES: Routing = { escalation: { enabled: true } };
export const VERIFIES: Routing = { strategy: "draft_and_verify" };

/** What our own choice looks like. */
export const CHOSEN: Decision = { by: "default", features: { chars: 5 } };

/** A chat answer of 10 tokens in and 5 out. */
export function says(content: string, more: object = {}): ModelAnswer {
  return answered(200, {
    id: "chatcmpl-1",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop", ...more }],
    usage: { prompt_tokens: 10, completion_tokens: 5 },
  });
}

export const REFUSAL = "I'm sorry, but I can't help with that.";

export type Sent = { readonly model: string; readonly messages: readonly { role: string; content: string }[] } & Record<
  string,
  unknown
>;

export function bodyOf({ body }: Pick<ModelCall, "body">): Sent {
  return JSON.parse(Buffer.from(body).toString()) as Sent;
}

/** By model: what it says, in turn; the last again and again. */
export type Script = Readonly<Record<string, readonly ModelAnswer[]>>;

export type FinalOutcome = {
  readonly status: string;
  readonly response?: { choices: { message: { content: string }; logprobs?: unknown }[] };
  readonly route: JobHead["route"];
  readonly usage?: Usage;
  readonly unknown_calls?: number;
  readonly complete?: boolean;
};

export class HopsWorld extends World {
  constructor(script: Script, settings: HopSettings, more: WorldOptions = {}) {
    const said = new Map<string, number>();
    const reply = (call: ModelCall): ModelAnswer => {
      const { model } = bodyOf(call);
      const at = said.get(model) ?? 0;
      said.set(model, at + 1);
      const list = script[model] ?? [];
      return list[Math.min(at, list.length - 1)] ?? answered(404, {});
    };
    super([reply], { attempts_max: 2, ...more, settings });
  }

  first(options: RunOptions = {}): InRecord {
    const { job, ...rest } = options;
    const route = { tier: "small", model: "m1", reason: "default tier", cache: "miss", attempts: 0, decision: CHOSEN };
    return this.record({
      request: { tenant: "demo", body: { messages: [{ role: "user", content: "2 + 2?" }] } },
      ...rest,
      job: { route: route as JobHead["route"], ...job },
    });
  }

  /** What was published for further hops, as their consumers get it. */
  jobs(): InRecord[] {
    return this.publisher.records.filter(({ topic }) => topic.includes(".jobs.")).map(asRead);
  }

  /** Handles a request to its end, hop by hop. */
  async through(options: RunOptions = {}): Promise<FinalOutcome> {
    await this.handle(this.first(options));
    for (let at = 0; at < this.jobs().length; at += 1) await this.handle(this.jobs()[at] as InRecord);
    return this.outcome as unknown as FinalOutcome;
  }

  async handle(record: InRecord, instance = "a"): Promise<void> {
    const context = { isAssigned: () => true, stopping: new AbortController().signal };
    await this.settled(this.handler(instance)([record], context));
  }

  outcomes(): FinalOutcome[] {
    return this.publisher.values(NAMES.outcomes) as unknown as FinalOutcome[];
  }
}

export function asRead({ topic, key, value, headers = {} }: OutRecord): InRecord {
  return inRecord(value, { topic, key: key === null ? null : Buffer.from(key), headers });
}
