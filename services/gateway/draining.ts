/** Reading on after a refusal: a caller that is cut off while it still sends gets a broken connection, and never the reason. */
import type { IncomingMessage } from "node:http";

/** Beyond, the caller is cut off. How long it may take is bounded by whoever asks, who destroys the request. */
const BYTES_MAX = 64 * 1024 * 1024;

/** Resolves once the caller has sent all, or is gone, or has sent too much. Nothing is kept of it. */
export async function drain(request: IncomingMessage): Promise<void> {
  let left = BYTES_MAX;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      left -= (chunk as Buffer).length;
      if (left < 0) return;
    }
  } catch {
    // It is gone: nobody reads the reply.
  }
}
