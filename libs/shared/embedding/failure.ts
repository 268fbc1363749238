/** How a text without a vector ends: callers go on without the semantic cache. */
import { SluiceError } from "../errors.ts";

/** It may work a moment later. */
export function embeddingAway(why: string, cause?: unknown): SluiceError {
  return new SluiceError("embedding_unavailable", `no embedding: ${why}`, { retryable: true, cause });
}

/** It will not work as it is set up. */
export function embeddingImpossible(why: string, fix: string, cause?: unknown): SluiceError {
  return new SluiceError("embedding_unavailable", `no embedding: ${why}`, { fix, cause });
}
