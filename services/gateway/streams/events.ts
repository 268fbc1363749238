/**
 * What happens to a request or a job, as server-sent events: its states, its tokens, and at the end all of its Result. Woken by words, it reads what
 * its reader has not had, and only while that reader takes it. Where a reader is stands in the ids of its events: any gateway goes on from there.
 */
import type { FastifyRequest } from "fastify";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { GatewaySettings } from "../../../libs/shared/config/gateway.ts";
import type { Log } from "../../../libs/shared/log.ts";
import type { JobView } from "../../../libs/shared/redis/job-views.ts";
import type { JobProgress } from "../../../libs/shared/redis/request-events.ts";
import { errorReply } from "../replies.ts";
import { failure, RETRY_AFTER, send, sendUnknown } from "../sending.ts";
import type { Following, SendEvents, StreamReader, Wakes } from "./contract.ts";
import { EventFeed, type FeedKind, type Standing } from "./event-feed.ts";
import { type Place, readEventId } from "./event-ids.ts";
import { PageSize } from "./page-size.ts";
import type { EventStream, EventStreams } from "./sse.ts";
import { sseRetry } from "./sse-format.ts";

export type EventsDeps = {
  readonly settings: GatewaySettings["streams"];
  readonly clock: Clock;
  readonly log: Log;
  readonly wakes: Wakes;
  readonly reader: StreamReader;
  readonly streams: EventStreams;
  /** Of a request. Undefined where there is none; rejects (retryable) while that cannot be told. */
  readonly view: (tenant: string, id: string) => Promise<JobView | undefined>;
  /** Of a job: its progress, as it is told. */
  readonly job: (tenant: string, id: string) => Promise<JobProgress | undefined>;
};

type Of = { readonly tenant: string; readonly id: string; readonly kind: FeedKind };

/** How long a reader whose connection broke is to wait before it comes back. */
const RETRY_MS = 1_000;
/** The last tokens may be written a little after the end was told; the Result has them in any case. */
const TAIL_MS_MAX = 1_000;
/** One of which states are told is looked up so much more rarely: its end comes by a word, and looks are there for a lost one. */
const TOLD_LOOKS = 6;

export function sendEvents(deps: EventsDeps): SendEvents {
  return async (http, reply, of) => {
    const from = comesFrom(http);
    if (from === undefined) {
      const message = "Last-Event-ID is none of this stream's; leave it out to begin anew";
      return send(reply, errorReply(400, failure("invalid_request", "invalid_request_error", message)));
    }
    const standing = await standingOf(deps, of);
    if (standing === undefined) return sendUnknown(reply);
    if (knowsEnd(from, of, standing)) return reply.code(204).send();
    if (deps.wakes.count >= deps.settings.open_max) {
      const error = failure("overloaded", "api_error", "too many streams are open here; try again soon");
      return send(reply, errorReply(503, error, RETRY_AFTER));
    }
    const follower = new Follower(deps, of, from.ended === undefined ? from : {});
    await follower.begin(standing);
    const stream = deps.streams.open(reply);
    void follower.run(stream);
    return reply;
  };
}

/** The header comes from a reader that was cut off, also where its address has an older one. */
function comesFrom(http: FastifyRequest): Place | undefined {
  const { last_event_id } = http.query as Readonly<Record<string, unknown>>;
  const id = http.headers["last-event-id"] ?? last_event_id;
  return id === undefined || id === "" ? {} : readEventId(String(id));
}

/** A job may have gone on after the end that its reader knows, and ended again. */
function knowsEnd({ ended }: Place, { kind }: Of, standing: Standing): boolean {
  if (ended === undefined) return false;
  return kind === "request" || (standing.ended && ended === String(standing.ended_ms ?? ""));
}

async function standingOf({ view, job }: EventsDeps, { tenant, id, kind }: Of): Promise<Standing | undefined> {
  if (kind === "job") {
    const progress = await job(tenant, id);
    if (progress === undefined) return undefined;
    const { state, ended_ms } = progress;
    const when = typeof ended_ms === "number" ? { ended_ms } : {};
    return { ended: state === "ended", status: "running", data: JSON.stringify(progress), ...when };
  }
  const found = await view(tenant, id);
  if (found === undefined) return undefined;
  const { status, until_ms, result } = found;
  // The Result goes as it is: it was JSON when it was written.
  if (result !== undefined) {
    return { ended: true, status, data: `{"state":"ended","status":${JSON.stringify(status)},"result":${result}}` };
  }
  return { ended: false, status, data: JSON.stringify({ state: status, until_ms }) };
}

class Follower {
  readonly #deps: EventsDeps;
  readonly #of: Of;
  readonly #feed: EventFeed;
  readonly #page = new PageSize();
  /** Undefined where Redis is away: then it has ended, and that alone is told. */
  #following: Following | undefined;
  /** What is to be sent first. */
  #first = "";
  #is_woken = true;
  #waking: (() => void) | undefined;
  #end_known = false;
  #looked_ms: number;
  /** Until when the last tokens are waited for. */
  #tail_ms: number | undefined;

  constructor(deps: EventsDeps, of: Of, from: Place) {
    this.#deps = deps;
    this.#of = of;
    this.#feed = new EventFeed(of.kind, from);
    this.#looked_ms = deps.clock.now_ms();
  }

  /** Rejects (retryable) where nothing can be said for now. What has ended is told without Redis too. */
  async begin(standing: Standing): Promise<void> {
    const { tenant, id } = this.#of;
    try {
      this.#following = await this.#deps.wakes.follow(tenant, id, () => this.#wake());
      this.#first = this.#feed.states(await this.#deps.reader.states(tenant, id));
    } catch (error) {
      this.#following?.close();
      this.#following = undefined;
      if (!standing.ended) throw error;
    }
    this.#end_known = standing.ended;
    if (!standing.ended) this.#first += this.#feed.standing(standing);
  }

  /** Never rejects. */
  async run(stream: EventStream): Promise<void> {
    stream.onClosed(() => this.#wake());
    try {
      await stream.write(sseRetry(RETRY_MS) + this.#first);
      this.#first = "";
      while (stream.is_open) await this.#turn(stream);
    } catch (error) {
      this.#deps.log.error({ error, id: this.#of.id }, "a stream of events broke");
      stream.cut();
    } finally {
      this.#following?.close();
    }
  }

  /** One read of everything, where there is room for it. Then it waits, unless there may be more at once. */
  async #turn(stream: EventStream): Promise<void> {
    if (!(await stream.room())) return;
    this.#is_woken = false;
    let is_more: boolean;
    try {
      is_more = await this.#readAll(stream);
    } catch (error) {
      // Redis or Postgres is away: a look comes again.
      this.#deps.log.debug({ error, id: this.#of.id }, "a followed request cannot be read now");
      is_more = false;
      // Nothing would wake it: its reader is to come back.
      if (this.#following === undefined) stream.cut();
    }
    if (!is_more && stream.is_open) await this.#woken();
  }

  /** @returns whether to read again without a word. */
  async #readAll(stream: EventStream): Promise<boolean> {
    const { reader } = this.#deps;
    const { tenant, id, kind } = this.#of;
    const feed = this.#feed;
    if (this.#following === undefined) return this.#lookUp(stream);
    const states = await reader.states(tenant, id, feed.states_after);
    if (states.length > 0) await stream.write(feed.states(states));
    if (kind === "request") {
      const { limit } = this.#page;
      const tokens = await reader.tokens(tenant, id, feed.tokens_after, limit);
      const text = feed.tokens(tokens);
      this.#page.saw(tokens.length, text.length);
      if (text !== "") await stream.write(text);
      if (tokens.length >= limit) return true;
    }
    return this.#lookUp(stream);
  }

  /** Whether it has ended, where that may be. */
  async #lookUp(stream: EventStream): Promise<boolean> {
    const feed = this.#feed;
    const may_have_ended = feed.end_told || this.#end_known;
    if (!may_have_ended && !this.#isLookDue()) return false;
    if (may_have_ended && feed.tokens_open && this.#awaitsTail()) return false;
    this.#looked_ms = this.#deps.clock.now_ms();
    const standing = await standingOf(this.#deps, this.#of);
    if (standing?.ended !== true) {
      if (this.#of.kind === "job") feed.forgetEnd();
      this.#end_known = false;
      if (standing !== undefined) await stream.write(feed.standing(standing));
      return false;
    }
    if (!may_have_ended) {
      // What came between the read before and this look is read first.
      this.#end_known = true;
      return true;
    }
    await stream.write(feed.end(standing));
    stream.end();
    return false;
  }

  #isLookDue(): boolean {
    const { clock, settings } = this.#deps;
    const every_ms = settings.look_ms * (this.#feed.is_told ? TOLD_LOOKS : 1);
    // A look wakes everybody once in `look_ms`, by a timer that is a little early or late.
    return clock.now_ms() - this.#looked_ms >= 0.9 * every_ms;
  }

  #awaitsTail(): boolean {
    const { clock } = this.#deps;
    const now_ms = clock.now_ms();
    if (this.#tail_ms === undefined) {
      this.#tail_ms = now_ms + TAIL_MS_MAX;
      clock.after(TAIL_MS_MAX, () => this.#wake());
    }
    return now_ms < this.#tail_ms;
  }

  #wake(): void {
    this.#is_woken = true;
    this.#waking?.();
  }

  #woken(): Promise<void> {
    if (this.#is_woken) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waking = () => {
        this.#waking = undefined;
        resolve();
      };
    });
  }
}
