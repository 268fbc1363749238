/** Requests as they were let in, and when two are the same to the cache: the simulation's own reading, apart from the router's. Pure. */

export type AskedRequest = {
  readonly content_hash: string;
  /** Which of several contents under one id this is, as the workload marked it. */
  readonly content: string | undefined;
  readonly mode: string;
  /** When it was let in first. */
  readonly at_ms: number;
  readonly messages: string;
  /** The same for equal requests of whichever tenant. */
  readonly equal: string;
  /** The same for those that differ in their last question alone. */
  readonly like: string;
};

/** `llm.admitted`, as far as it matters here. */
type Admitted = {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  readonly tier?: string;
  readonly cache?: { readonly mode?: string };
  readonly metadata?: { readonly content?: string; readonly cache_namespace?: string };
  readonly request: {
    readonly body: { readonly model?: string; readonly messages: readonly { readonly content: string }[] };
  };
};

export class CacheRequests {
  readonly #by_subject = new Map<string, AskedRequest[]>();

  /** @param json of `llm.admitted`. A repeat changes nothing. */
  add(json: unknown, at_ms: number): void {
    const { tenant, id, content_hash, tier, cache, metadata, request } = json as Admitted;
    const subject = `${tenant} ${id}`;
    const known = this.#by_subject.get(subject) ?? [];
    if (known.some((one) => one.content_hash === content_hash)) return;
    // Of a workload's bodies, nothing but these changes an answer.
    const { model, messages } = request.body;
    const common = [tier ?? null, model, metadata?.cache_namespace ?? null];
    known.push({
      content_hash,
      content: metadata?.content,
      mode: cache?.mode ?? "default",
      at_ms,
      messages: JSON.stringify(messages),
      equal: JSON.stringify([common, messages]),
      like: JSON.stringify([common, messages.slice(0, -1)]),
    });
    this.#by_subject.set(subject, known);
  }

  /** Of one tenant and id: several where other content was let in under it. */
  of(subject: string): readonly AskedRequest[] {
    return this.#by_subject.get(subject) ?? [];
  }
}
