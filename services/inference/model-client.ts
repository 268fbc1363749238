/** The port to a model backend: a call is a value in and a value out. Expected failures are values too. */

export type ModelCall = {
  /** Joined to the endpoint's base URL: `/chat/completions` or `/embeddings`. */
  readonly path: string;
  readonly body: Buffer;
  readonly timeout_ms: number;
  /** The request's id, sent along so that a provider's log can be matched. */
  readonly id: string;
};

export type ModelAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly body: Buffer; readonly retry_after_ms?: number }
  | { readonly kind: "timeout" }
  /** The answer passed the limit on its size and was not read to its end. */
  | { readonly kind: "too_large"; readonly bytes_max: number }
  /** Refused, reset, no such host: no answer, and whether the provider worked on it is not known. */
  | { readonly kind: "unreachable"; readonly message: string };

export interface ModelClient {
  call(call: ModelCall): Promise<ModelAnswer>;
}
