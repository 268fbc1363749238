/** What turns texts into vectors, beneath the gathering of concurrent calls: threads of this process, or an endpoint. */
export interface EmbeddingBackend {
  readonly dimensions: number;
  /** Batches under way at once. */
  readonly lanes: number;
  /** A vector of length 1 for each text. @throws `embedding_unavailable`. */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}
