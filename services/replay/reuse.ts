/**
 * `reuse`: the recorded request is validated as ingest validates it now, and its recorded outcome becomes a Result as results makes it now. No
 * call is made and nothing is spent (I7).
 */
import { cacheEntryOut } from "../../libs/shared/cache/entry-records.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";
import { JOB_HEADER } from "../../libs/shared/events/headers.ts";
import { originOf } from "../../libs/shared/events/origin.ts";
import type { ReplayMark } from "../../libs/shared/events/replay.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import type { WebhookEvent, WebhookOutbox } from "../../libs/shared/webhooks/event.ts";
import { webhookEventOf } from "../../libs/shared/webhooks/event-body.ts";
import { type ReadingDeps, type Refused, readRecord } from "../ingest/reading.ts";
import { cacheEntryOf } from "../results/cache-fill.ts";
import { resultHeadOf } from "../results/result.ts";
import type { Recorded, Replayed, ReplayedChunk, ReplayWorker } from "./contract.ts";

export type ReuseDeps = {
  readonly replay: string;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly clock: Clock;
  /** Whose requests are taken, and what of them is looked at. Plans, limits and budgets are not asked: they are `what-if`'s. */
  readonly validation: Pick<ReadingDeps, "knowsTenant" | "principalProblem" | "callbackProblem">;
  /** Where webhooks are to be told of what is reused. */
  readonly outbox?: WebhookOutbox;
  /** Where answers are to be kept: a longer one is not. */
  readonly fill_cache?: { readonly response_bytes_max: number };
};

/** What ingest says of a request that is not valid. Of a recorded one that is valid now, nothing more is known. */
const INVALID_CODES: readonly string[] = ["invalid_request", "tenant_unknown", "principal_not_allowed"];

const NO_RECORD = { code: "replay_no_record", type: "api_error" } as const;

export class ReuseWorker implements ReplayWorker {
  readonly wanted = { request: true, outcome: true };
  readonly #deps: ReuseDeps;
  readonly #reading: ReadingDeps;

  constructor(deps: ReuseDeps) {
    this.#deps = deps;
    this.#reading = {
      ...deps.validation,
      clock: deps.clock,
      // The reader has the request's JSON already.
      codec: {
        encode: (_topic, ...json) => Buffer.concat([...json]),
        decode: async ({ value }) => ({ kind: "json", payload: value ?? Buffer.alloc(0), trusted: false }),
      },
      terms: () => NO_TERMS,
      reentry: false,
    };
  }

  async run(records: readonly Recorded[]): Promise<ReplayedChunk> {
    const done = await Promise.all(records.map((recorded) => this.#replay(recorded)));
    const events = this.#deps.outbox === undefined ? [] : done.flatMap((one) => this.#eventOf(one) ?? []);
    // Before the position moves: told again after a crash, each delivery is the one that is there.
    if (events.length > 0) await this.#deps.outbox?.add(events);
    return { done };
  }

  async close(): Promise<void> {}

  async #replay(recorded: Recorded): Promise<Replayed> {
    const refused = await this.#refusalOf(recorded);
    if (refused !== undefined) return this.#refused(recorded, refused);
    const { outcome } = recorded;
    if (outcome === undefined) {
      const message =
        "nothing is recorded of how this request ended, so that there is nothing to reuse; recompute would call its model";
      return this.#withoutRecord(recorded, message);
    }
    const { head, response } = outcome;
    if (recorded.request !== undefined && INVALID_CODES.includes(head.error?.code ?? "")) {
      const message = `the request was refused as invalid (${head.error?.code}) and is valid now, so that no answer is recorded; recompute would call its model`;
      return this.#withoutRecord(recorded, message);
    }
    const replayed = this.#built(recorded, "reused", { ...head, replay: this.#mark }, response);
    return { ...replayed, beside: this.#entryOf(head, response) };
  }

  get #mark(): ReplayMark {
    return { id: this.#deps.replay, mode: "reuse" };
  }

  async #refusalOf({ source, headers, request, received_ms }: Recorded): Promise<Refused | undefined> {
    if (request === undefined) return undefined;
    const { topic, partition, offset } = originOf(headers) ?? source;
    const record: InRecord = {
      ...source,
      topic,
      partition,
      offset,
      timestamp_ms: received_ms,
      headers,
      value: request,
    };
    const read = await readRecord(this.#reading, record);
    if ("admission" in read) return read.admission.kind === "refuse" ? read.admission : undefined;
    // What no JSON object is was a dead letter then, and would be one now: there is no outcome of it either.
    return undefined;
  }

  #refused(recorded: Recorded, { identity, status, error, told }: Refused): Replayed {
    const { tenant, id, received_ms, outcome } = recorded;
    // Refused alike then: as it was recorded, its times too.
    const completed = outcome?.head.status === status ? outcome.head.timing.completed : undefined;
    const timing = { received: received_ms, completed: completed ?? this.#deps.clock.now_ms() };
    const head = { tenant, id, content_hash: identity.content_hash, status, error, timing, ...told };
    return this.#built(recorded, "refused", { ...head, replay: this.#mark }, undefined);
  }

  #withoutRecord(recorded: Recorded, message: string): Replayed {
    const { tenant, id, received_ms, original } = recorded;
    const timing = { received: received_ms, completed: this.#deps.clock.now_ms() };
    const metadata = original?.metadata === undefined ? {} : { metadata: original.metadata };
    const failed = { tenant, id, status: "failed" as const, error: { ...NO_RECORD, message }, timing, ...metadata };
    return this.#built(recorded, "without_record", { ...failed, content_hash: "", replay: this.#mark }, undefined);
  }

  /** Through what results makes of an outcome: a change there is seen here. */
  #built(recorded: Recorded, fate: Replayed["fate"], outcome: OutcomeHead, response: Buffer | undefined): Replayed {
    const head = resultHeadOf(outcome);
    const result = { head, ...(response === undefined ? {} : { response }) };
    return { recorded, fate, result, calls: 0, cost_nusd: 0 };
  }

  /** An answer that has not expired, as results put it there. */
  #entryOf(outcome: OutcomeHead, response: Buffer | undefined): OutRecord[] {
    const { fill_cache, codec, names, clock } = this.#deps;
    if (fill_cache === undefined) return [];
    const entry = cacheEntryOf(outcome, response, fill_cache.response_bytes_max);
    if (entry === undefined || entry.head.expires_ms <= clock.now_ms()) return [];
    return [cacheEntryOut(codec, names.cache, entry.head, entry.response)];
  }

  /** An event has the Result as it is kept: where that is another one now, nobody is told of it. */
  #eventOf({ recorded, result, fate }: Replayed): WebhookEvent | undefined {
    const { outcome, original, headers } = recorded;
    if (fate !== "reused" || outcome === undefined || original?.status !== result?.head.status) return undefined;
    const job = (outcome.headers[JOB_HEADER] ?? headers[JOB_HEADER]) || undefined;
    const event = webhookEventOf(outcome.head, this.#deps.clock.now_ms(), { job });
    return event === undefined ? undefined : { ...event, replay: this.#deps.replay };
  }
}

const NO_TERMS: ReturnType<ReadingDeps["terms"]> = {
  kind: "terms",
  needs: { reserved_nusd: 0, tokens: 0, caps_nusd: {}, rates: [], expires_ms: 0 },
};
