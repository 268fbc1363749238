/** Following a request or a job: words that something is new, and what is there. Nothing is held for a reader: what it has not taken stays in Redis. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FollowedState } from "../../../libs/shared/redis/request-events.ts";
import type { TokenEvent } from "../../../libs/shared/redis/token-events.ts";

export interface Wakes {
  /** Followed now. */
  readonly count: number;
  /**
   * Calls `wake` whenever there may be something new of the request: at a word, when the connection is back, and every `look_ms`. Resolves once
   * no word can be missed any more; rejects (retryable) while Redis is away.
   */
  follow(tenant: string, id: string, wake: () => void): Promise<Following>;
}

export type Following = { close(): void };

/** Entries of a request's two streams, after an entry's id (left out: from the beginning), in order, at most `limit`. */
export interface StreamReader {
  states(
    tenant: string,
    id: string,
    after?: string,
  ): Promise<readonly { readonly id: string; readonly state: FollowedState }[]>;
  tokens(
    tenant: string,
    id: string,
    after: string | undefined,
    limit: number,
  ): Promise<readonly { readonly id: string; readonly event: TokenEvent }[]>;
}

/** Streams what happens to a request or job of the tenant as server-sent events, until it has ended or the reader is gone. */
export type SendEvents = (
  http: FastifyRequest,
  reply: FastifyReply,
  of: { readonly tenant: string; readonly id: string; readonly kind: "request" | "job" },
) => Promise<FastifyReply>;
