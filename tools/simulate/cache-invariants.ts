/**
 * What the cache may answer (I5), who may be called for, and what `llm.cache` may hold: checked at every record written, against what the
 * simulated model was really asked and said.
 */
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { type AskedRequest, CacheRequests } from "./cache-requests.ts";
import type { Invariant, Violation } from "./invariants.ts";
import type { Given } from "./model.ts";
import { jsonOf } from "./money-watch.ts";
import type { Stores } from "./stores.ts";

export type CacheView = {
  readonly topics: {
    readonly admitted: readonly string[];
    readonly jobs: readonly string[];
    readonly results: string;
    readonly usage: string;
    readonly cache: string;
  };
  readonly stores: Pick<Stores, "answers" | "given">;
  readonly now_ms: () => number;
  /** As the routers have them. */
  readonly coalesce: { readonly wait_ms_max: number; readonly waiting_max: number };
};

/** More than there are requests in a run: nobody goes for itself because too many wait. */
const UNBOUNDED = 1_000;

type Job = {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  readonly lane: "interactive" | "batch";
  readonly hop?: number;
  readonly deadline_ms?: number;
  readonly fill?: { readonly entry_id: string };
};

type Result = {
  readonly tenant: string;
  readonly id: string;
  readonly status: string;
  readonly route?: { readonly cache?: string };
  readonly usage?: { readonly cost_usd: number };
  readonly timing: { readonly routed?: number };
  readonly metadata?: { readonly content?: string };
  readonly response?: { readonly id?: string };
};

type Entry = {
  readonly tenant: string;
  readonly request_id: string;
  readonly expires_ms: number;
  readonly response: { readonly id?: string };
};

const HITS: ReadonlySet<string | undefined> = new Set(["exact", "semantic", "coalesced"]);

/**
 * I5: an answer out of the cache is one that the model gave, whole, to a request of the same tenant: to an equal one where it was found as
 * such, to one that differs in its last question alone where it was found by meaning; it had not expired, and costs nothing. What is kept
 * is a whole answer to a request of the tenant that it is kept for, which let it be kept.
 *
 * And that the cache saves calls at all: nobody is called for who was let in after an equal request's answer was there, or while an equal
 * request led and the wait for it was not over. That holds whatever crashes.
 */
export function answersStayWithTheirTenant(view: CacheView): Invariant {
  const watch = new CacheWatch(view);
  return { name: "I5", onAppend: (record) => watch.add(record), atEnd: () => watch.settlements() };
}

class CacheWatch {
  readonly #view: CacheView;
  readonly #requests = new CacheRequests();
  /** By the answer's name. */
  readonly #expires_ms = new Map<string, number>();
  /** Subjects that a Result answers from the cache. */
  readonly #hits = new Set<string>();
  readonly #settled_nusd = new Map<string, number>();

  constructor(view: CacheView) {
    this.#view = view;
  }

  add(record: InRecord): Violation | undefined {
    const { topics, now_ms } = this.#view;
    const { topic } = record;
    if (topics.admitted.includes(topic)) this.#requests.add(jsonOf(record), now_ms());
    else if (topics.jobs.includes(topic)) return this.#job(jsonOf(record) as Job);
    else if (topic === topics.results) return this.#result(jsonOf(record) as Result);
    // An empty value takes an entry away.
    else if (topic === topics.cache && record.value !== null) return this.#entry(jsonOf(record) as Entry);
    else if (topic === topics.usage) this.#settle(jsonOf(record) as UsageEntry);
    return undefined;
  }

  /** What the cache answered settles nothing. */
  settlements(): Violation | undefined {
    for (const subject of this.#hits) {
      const settled_nusd = this.#settled_nusd.get(subject) ?? 0;
      if (settled_nusd !== 0) return broken(`is out of the cache and settled ${settled_nusd} nano-dollars`, subject);
    }
    return undefined;
  }

  #settle({ tenant, id, kind, cause, settled_nusd }: UsageEntry): void {
    if (kind !== "settled" || cause !== "result") return;
    const subject = `${tenant} ${id}`;
    this.#settled_nusd.set(subject, (this.#settled_nusd.get(subject) ?? 0) + settled_nusd);
  }

  #result({ tenant, id, status, route, usage, timing, metadata, response }: Result): Violation | undefined {
    const how = route?.cache;
    if (!HITS.has(how)) return undefined;
    const subject = `${tenant} ${id}`;
    this.#hits.add(subject);
    const given = this.#view.stores.given.of(response);
    if (given === undefined) return broken("has an answer out of the cache that no model gave", subject);
    const answered = `${how}: an answer to ${given.tenant} ${given.id}`;
    if (given.tenant !== tenant) return broken(`has ${answered}, another tenant's`, subject);
    if (given.finish_reason !== "stop") return broken(`has ${answered} that was cut off`, subject);
    if (status !== "succeeded" || usage?.cost_usd !== 0)
      return broken(`is out of the cache and not for nothing`, subject);
    const expires_ms = this.#expires_ms.get(response?.id ?? "");
    if (expires_ms !== undefined && (timing.routed ?? 0) >= expires_ms) {
      return broken(`has ${answered} that had expired`, subject);
    }
    const own = this.#requests.of(subject).filter(({ content }) => content === metadata?.content);
    if (own.every(({ mode }) => mode === "bypass")) return broken(`has ${answered} and asked for none`, subject);
    const sources = this.#sources(given);
    const likeness = how === "semantic" ? "like" : "equal";
    const alike = own.some((one) => sources.some((source) => source[likeness] === one[likeness]));
    return alike ? undefined : broken(`has ${answered}, which asked for something else`, subject);
  }

  #entry({ tenant, request_id, expires_ms, response }: Entry): Violation | undefined {
    const subject = `${tenant} ${request_id}`;
    const given = this.#view.stores.given.of(response);
    if (given === undefined) return broken("has an entry in the cache that no model gave", subject);
    this.#expires_ms.set(response.id ?? "", expires_ms);
    if (given.tenant !== tenant || given.id !== request_id) {
      return broken(`has an entry in the cache with the answer to ${given.tenant} ${given.id}`, subject);
    }
    if (given.finish_reason !== "stop") return broken("has an entry in the cache whose answer was cut off", subject);
    if (this.#sources(given).every(({ mode }) => mode !== "default")) {
      return broken("has an entry in the cache and did not want any", subject);
    }
    return undefined;
  }

  /** The first call for a request. */
  #job({ tenant, id, content_hash, lane, hop = 0, deadline_ms, fill }: Job): Violation | undefined {
    const subject = `${tenant} ${id}`;
    const asked = this.#requests.of(subject).find((one) => one.content_hash === content_hash);
    if (asked === undefined || hop > 0) return undefined;
    if (asked.mode === "only") return broken("is called for and asked for the cache only", subject);
    if (fill === undefined) return undefined;
    const { stores, coalesce, now_ms } = this.#view;
    const ref = { tenant, entry_id: fill.entry_id };
    const kept_ms = stores.answers.keptSince_ms(ref) ?? Number.POSITIVE_INFINITY;
    if (kept_ms < asked.at_ms) return broken("is called for, its answer was there before it was let in", subject);
    const leader = stores.answers.leader(ref, lane);
    const may_wait = deadline_ms === undefined && coalesce.waiting_max >= UNBOUNDED;
    const waited_out = now_ms() >= asked.at_ms + coalesce.wait_ms_max;
    if (leader === undefined || leader.id === id || !may_wait || waited_out) return undefined;
    if (leader.since_ms >= asked.at_ms) return undefined;
    return broken(`is called for, ${leader.id} asked the same and was under way when it was let in`, subject);
  }

  /** Of the requests that had the answered one's id, those that asked what the model was asked. */
  #sources({ tenant, id, messages }: Given): readonly AskedRequest[] {
    return this.#requests.of(`${tenant} ${id}`).filter((one) => one.messages === messages);
  }
}

function broken(what: string, subject: string): Violation {
  return { invariant: "I5", message: `${subject} ${what}`, subject };
}
