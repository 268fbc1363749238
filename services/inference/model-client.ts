/** The port to a model backend: a call is a value in and a value out. Expected failures are values too. */

export type ModelCall = {
  /** Joined to the endpoint's base URL: `/chat/completions` or `/embeddings`. */
  readonly path: string;
  readonly body: Buffer;
  readonly timeout_ms: number;
  /** The request's id, sent along so that a provider's log can be matched; of a batch, its first one's. */
  readonly id: string;
  /** Ends the call early: nobody wants its answer any more. */
  readonly signal?: AbortSignal;
  /** The body asks for a stream: told the `data` of every server-sent event as it comes, `[DONE]` left out. */
  readonly onEvent?: (data: string) => void;
  /** A stream that has begun and then says nothing for so long is given up as a time-out. */
  readonly idle_ms?: number;
  /** Trace context, where the call has a span. */
  readonly trace?: Readonly<Record<string, string>>;
  /** A call that only warms connections and models. */
  readonly warm_up?: boolean;
};

/** What the provider says of its own limits: left in the current window, and ms until it is full again. */
export type ProviderLimits = {
  readonly remaining_requests?: number;
  readonly remaining_tokens?: number;
  readonly reset_requests_ms?: number;
  readonly reset_tokens_ms?: number;
};

export type ModelAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** Of a stream that was read to its end: empty, its events were told. */
      readonly body: Buffer;
      readonly retry_after_ms?: number;
      readonly limits?: ProviderLimits;
    }
  | { readonly kind: "timeout" }
  /** Given up by `signal`. */
  | { readonly kind: "aborted" }
  /** A stream that began and did not come to its `[DONE]`. */
  | { readonly kind: "broken"; readonly message: string }
  /** The answer passed the limit on its size and was not read to its end. */
  | { readonly kind: "too_large"; readonly bytes_max: number }
  /** No such host, refused, reset: no answer. `sent`: it went out, so whether the provider worked on it is not known. */
  | { readonly kind: "unreachable"; readonly message: string; readonly sent?: boolean };

export interface ModelClient {
  call(call: ModelCall): Promise<ModelAnswer>;
}
