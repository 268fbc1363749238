/** Texts to vectors, as a contract: a model in this process, or an endpoint. */

export interface Embedder {
  /** Part of every entry's namespace. */
  readonly model: string;
  readonly dimensions: number;
  /**
   * A vector of length 1 for each text, in their order. Texts of concurrent calls are embedded together.
   * @throws `embedding_unavailable` (retryable) when it is away, too slow or has too much waiting.
   */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}
