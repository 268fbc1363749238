/**
 * What ingest and the router would say with the given settings: their own deciding code, with all that it needs of the world handed
 * in. Rollouts are off, and nothing is run for a comparison. Pure.
 */
import { storeOptions } from "../../../libs/shared/budgets/store-options.ts";
import type { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import { answering, answeringNames } from "../../../libs/shared/cache/answering.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Encodings } from "../../../libs/shared/estimate/encodings.ts";
import type { Estimated } from "../../../libs/shared/estimate/estimate.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { DUE_HEADER, KEY_HEADER, ORIGIN_HEADER } from "../../../libs/shared/events/headers.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import { type Origin, originOf, originText } from "../../../libs/shared/events/origin.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { type PriceList, priceList } from "../../../libs/shared/prices.ts";
import type { TierPolicy } from "../../../libs/shared/routing/policy.ts";
import { sensitiveKind } from "../../../libs/shared/sensitive/sensitive.ts";
import type { CallbackCheck } from "../../../libs/shared/webhooks/url-rules.ts";
import { Plans } from "../../ingest/plans.ts";
import { principalProblem } from "../../ingest/principals.ts";
import { type Judged, judge, type ReadingDeps } from "../../ingest/reading.ts";
import { termsOf } from "../../ingest/terms.ts";
import { type Asked, cacheAskOf } from "../../router/cache/ask.ts";
import { type ReadRequest, readRequest } from "../../router/reading.ts";
import { NO_ROLLOUTS } from "../../router/rollout/contract.ts";
import { chooseRoute, type Routing, type RoutingQuestion, textToEmbed } from "../../router/route.ts";
import { stickyOf } from "../../router/sticky.ts";
import { type RoutingTable, routingTable } from "../../router/table.ts";
import type { Recorded } from "../contract.ts";

export type RulesInput = {
  readonly settings: Settings;
  /** What administrators made and changed, as it is now. */
  readonly book: Pick<TenantBook, "record">;
  readonly encodings: Encodings;
  /** By file. */
  readonly policies: ReadonlyMap<string, TierPolicy>;
  /** Undefined: nothing is embedded. */
  readonly embedding_model: string | undefined;
  readonly callbackProblem?: CallbackCheck;
};

/** A request as ingest judged it, and what it may need at the most. */
export type Entered = { readonly judged: Judged; readonly estimated?: Estimated };

/** What the router asks and is asked of a request. */
export type RouterView = { readonly read: ReadRequest; readonly ask: Asked };

export class Rules {
  readonly settings: Settings;
  readonly plans: Plans;
  /** A model without a price is free. */
  readonly prices: PriceList;
  readonly #input: RulesInput;
  readonly #table: RoutingTable;

  constructor(input: RulesInput) {
    const { settings, policies, embedding_model } = input;
    this.settings = settings;
    this.plans = new Plans(settings, input.book);
    this.prices = priceList(settings.prices, "allow");
    this.#input = input;
    this.#table = routingTable(settings, { policies, embedding_model });
  }

  get store_options(): ReturnType<typeof storeOptions> {
    return storeOptions(this.settings);
  }

  /**
   * As ingest judges it at this moment. @param due_ms of a request that comes back since it was deferred until then.
   * @returns undefined where the record holds no JSON object: it would be a dead letter.
   */
  enter(recorded: Recorded, now_ms: number, due_ms?: number): Entered | undefined {
    const { request } = recorded;
    const json = request === undefined ? undefined : parseJson(request);
    if (request === undefined || !isObject(json)) return undefined;
    let estimated: Estimated | undefined;
    const deps = this.#reading(now_ms, due_ms !== undefined, (found) => {
      estimated = found;
    });
    const judged = judge(deps, recordOf(recorded, due_ms), request, json);
    return { judged, ...(estimated === undefined ? {} : { estimated }) };
  }

  /** What the cache would be asked. */
  view(head: AdmittedHead, request: Buffer): RouterView {
    const { cache, tiers, routing } = this.settings;
    const read = readRequest(head.kind, request, cache.request_bytes_max);
    const { body, facts, output_tokens_max } = read;
    const models = answeringNames(answering(head, { tiers, routing }));
    const ask = cacheAskOf(head, body, facts, {
      settings: cache,
      models,
      output_tokens_max,
      sensitive: sensitiveKind,
    });
    return { read, ask };
  }

  /** The text whose vector the cache or the choice of the tier would look at. */
  textOf(head: AdmittedHead, request: Buffer, { read, ask }: RouterView): string | undefined {
    if (this.#input.embedding_model === undefined) return undefined;
    if ("text" in ask && ask.text !== undefined) return ask.text;
    return textToEmbed(this.#question(head, request, read, undefined), this.#table);
  }

  choose(head: AdmittedHead, request: Buffer, { read }: RouterView, vector: Float32Array | undefined): Routing {
    return chooseRoute(this.#question(head, request, read, vector), this.#table);
  }

  #question(
    head: AdmittedHead,
    request: Buffer,
    { body, facts }: ReadRequest,
    vector: Float32Array | undefined,
  ): RoutingQuestion {
    const sticky = stickyOf(head);
    return { head, facts, body, request_bytes: request.length, vector, rollouts: NO_ROLLOUTS, sticky };
  }

  #reading(now_ms: number, reentry: boolean, found: (estimated: Estimated | undefined) => void) {
    const { settings, encodings, callbackProblem } = this.#input;
    const deps: Omit<ReadingDeps, "codec"> = {
      clock: { now_ms: () => now_ms, after: () => ({ cancel: () => undefined }) },
      reentry,
      knowsTenant: (tenant) => this.plans.of(tenant) !== undefined,
      terms: ({ head, request }, record) => {
        const plan = this.plans.of(head.tenant);
        if (plan === undefined) throw new Error(`no plan of ${head.tenant}`);
        const key_id = record.headers[KEY_HEADER];
        const terms = termsOf(request, head, plan, { now_ms, settings, encodings, key_id });
        if (terms.kind === "terms") found(terms.estimated);
        return terms;
      },
      principalProblem: ({ headers }, tenant) => principalProblem(settings.admission.principals, headers, tenant),
      ...(callbackProblem === undefined ? {} : { callbackProblem }),
    };
    return deps;
  }
}

/** The request's record on `llm.requests`, or as it came back by `llm.deferred`. */
function recordOf({ source, key, headers, request, received_ms }: Recorded, due_ms: number | undefined): InRecord {
  const origin: Origin = {
    ...(originOf(headers) ?? { topic: source.topic, partition: source.partition, offset: source.offset }),
    timestamp_ms: received_ms,
  };
  const due = due_ms === undefined ? {} : { [DUE_HEADER]: String(due_ms) };
  return {
    ...origin,
    key,
    value: request ?? null,
    headers: { ...headers, [ORIGIN_HEADER]: originText(origin), ...due },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
