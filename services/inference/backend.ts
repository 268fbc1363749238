/**
 * The port to a tier's endpoints: a call asks for a permit, is sent through the permit's client, and says how it ended. What a
 * permit stands for (an endpoint chosen, a closed breaker, room under rate and concurrency) is the implementation's.
 */
import type { TopicPartition } from "../../libs/shared/kafka/ports.ts";
import type { ModelClient, ProviderLimits } from "./model-client.ts";

/** For what a request waits before it is sent. */
export type WaitReason = "limit" | "budget" | "breaker" | "concurrency" | "batch" | "ledger";

export type Waits = Partial<Record<WaitReason, number>>;

export type CallNeeds = {
  /** Calls to the provider, as it counts them: a batch is one. */
  readonly requests: number;
  /** The most tokens that the call may use, as far as is known. */
  readonly tokens: number;
  readonly source: TopicPartition;
  /** Epoch ms after which a permit is of no use. */
  readonly until_ms: number;
  readonly signal: AbortSignal;
  /** Endpoints that failed this request before: taken only when there is no other. */
  readonly avoid: ReadonlySet<string>;
};

/**
 * How a call ended, for the endpoint: `overloaded` 429 · `failed` 5xx, time-out, reset, garbage · `key_refused` 401, 403 ·
 * `answered` everything else, refusals of the request itself included · `aborted` given up by us.
 */
export type CallEnd = "answered" | "overloaded" | "failed" | "key_refused" | "aborted";

export type CallReport = {
  readonly end: CallEnd;
  readonly latency_ms: number;
  /** Tokens used in truth, where they are known. */
  readonly tokens?: number;
  readonly retry_after_ms?: number;
  readonly limits?: ProviderLimits;
};

export type Permit = {
  readonly kind: "permit";
  readonly endpoint: string;
  readonly client: ModelClient;
  /** What was waited for, in ms. */
  readonly waited_ms: Waits;
  /** To be called exactly once, whatever became of the call. A permit that was not used ends with `undefined`. */
  end(report: CallReport | undefined): void;
};

/** No permit before `until_ms` or the signal. */
export type Refusal = { readonly kind: "refused"; readonly reason: WaitReason; readonly waited_ms: Waits };

export interface Backend {
  permit(needs: CallNeeds): Promise<Permit | Refusal>;
}
