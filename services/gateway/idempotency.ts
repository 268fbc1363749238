/**
 * Requests with an idempotency key: all that come with one key and one content are one request, whichever gateway takes them. The
 * key is claimed before anything is produced, and its holder's id is everybody's: what is produced twice under it is a repeat, which
 * ingest drops (I1).
 */
import { contentHash } from "../../libs/shared/canonical.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import type { Request } from "../../libs/shared/events/request.ts";
import type { KeyHolder } from "../../libs/shared/redis/idempotency.ts";
import type { IdempotencyStore } from "../../libs/shared/redis/idempotency-store.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";

export type IdempotencyDeps = {
  readonly idempotency: IdempotencyStore;
  /** What is known of a request: its view, or the lasting row. */
  readonly view: (tenant: string, id: string) => Promise<JobView | undefined>;
};

export type Keyed =
  /** It has no key, or is the first one with it. */
  | { readonly kind: "first"; readonly request: Request }
  /**
   * The same request came before and has no result yet. Unless it is `produced` for certain, it is to be produced again: whoever
   * came first may have died in between.
   */
  | {
      readonly kind: "in_flight";
      readonly request: Request;
      readonly view: JobView | undefined;
      readonly produced: boolean;
    }
  /** The same request came before, and here is what became of it. */
  | { readonly kind: "done"; readonly request: Request; readonly view: JobView }
  /** The key belongs to another content. */
  | { readonly kind: "reused"; readonly first_id: string };

/** Claims after refusals: others may be at it at the same moment. */
const CLAIMS_MAX = 4;

/**
 * @param has_own_id the caller named the id: then it is part of the content.
 * Rejects (retryable) while Redis is away.
 */
export async function keyed(deps: IdempotencyDeps, request: Request, has_own_id: boolean): Promise<Keyed> {
  const { tenant, idempotency_key: key } = request;
  if (key === undefined) return { kind: "first", request };
  const holder = { id: request.id as string, content_hash: contentHash(request) };
  let instead_of: KeyHolder | undefined;
  for (let claim = 1; claim <= CLAIMS_MAX; claim += 1) {
    const before = await deps.idempotency.claim(tenant, key, holder, instead_of);
    if (before === undefined) return { kind: "first", request };
    const same = has_own_id ? request : { ...request, id: before.id };
    const origin = originOf(same, before);
    if (origin === undefined) return { kind: "reused", first_id: before.id };
    const view = await deps.view(tenant, before.id);
    if (view?.result === undefined) {
      const produced = origin === "topic" || (view !== undefined && view.status !== "queued");
      return { kind: "in_flight", request: same, view, produced };
    }
    // A refusal did nothing: whoever tries again is a new request, or a limit that was full for a moment would bind for a day.
    if (view.status !== "rejected" || has_own_id) return { kind: "done", request: same, view };
    instead_of = before;
  }
  throw unavailable("redis", new Error("the idempotency key changes hands all the time"));
}

/**
 * How the holder of the key came; undefined when its content is another. By the topic a request may come without an id: then it has
 * none in its content.
 */
function originOf(request: Request, { content_hash }: KeyHolder): "gateway" | "topic" | undefined {
  if (contentHash(request) === content_hash) return "gateway";
  const { id: _, ...content } = request;
  return contentHash(content) === content_hash ? "topic" : undefined;
}
