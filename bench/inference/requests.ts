/** Requests through the whole pipeline: from `llm.requests` to `llm.results`. */
import { systemClock } from "../../libs/shared/clock.ts";
import { type ResultHead, resultHead } from "../../libs/shared/events/flow.ts";
import { readHop } from "../../libs/shared/events/hop.ts";
import { topicClient } from "../support/topic-client.ts";
import type { InferenceStack } from "./stack.ts";

export type RequestSpec = {
  readonly id: string;
  readonly tenant: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly deadline?: string;
};

export type Answered = { readonly result: ResultHead; readonly at_ms: number };

export type Requests = {
  /** @returns undefined when there is no result within `wait_ms`. */
  ask(spec: RequestSpec, wait_ms: number): Promise<Answered | undefined>;
  /** Without waiting for what becomes of them. */
  send(specs: readonly RequestSpec[]): Promise<void>;
  /** Second results of one id. */
  repeats(): number;
  close(): Promise<void>;
};

export async function openRequests({ context, parts }: InferenceStack): Promise<Requests> {
  const { codec, names } = context;
  const client = await topicClient(parts.urls.kafka, names.requests, names.results);
  const record = (spec: RequestSpec) => ({ key: spec.id, value: Buffer.from(JSON.stringify(spec)) });
  return {
    async ask(spec, wait_ms) {
      const { key, value } = record(spec);
      const found = await within(client.ask(key, value), wait_ms);
      if (found === undefined) return undefined;
      const hop = await readHop(codec, found, "response", resultHead.parse);
      if (!hop.ok) throw new Error(`a result cannot be read: ${hop.message}`);
      return { result: hop.head, at_ms: systemClock.now_ms() };
    },
    send: (specs) => client.send(specs.map(record)),
    repeats: client.repeats,
    close: client.close,
  };
}

function within<T>(promise: Promise<T>, wait_ms: number): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), wait_ms);
  return Promise.race([promise, over]).finally(() => clearTimeout(timer));
}
