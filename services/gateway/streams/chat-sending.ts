/**
 * Sends one chat completion as a stream: follows the request's tokens and its Result, as `chat-relay.ts` decides. The caller hears nothing
 * before the first text or the Result, so that a failure has its own status; after that a failure is an event, as OpenAI's clients expect.
 * Nothing is read that the caller has no room for.
 */
import type { FastifyReply } from "fastify";
import type { RateRoom } from "../../../libs/shared/budgets/admission-store.ts";
import type { Usage } from "../../../libs/shared/events/fields.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { decodeRateRoom } from "../../../libs/shared/events/rate-room.ts";
import type { FollowedState, RequestState } from "../../../libs/shared/redis/request-events.ts";
import { COST_HEADER, costText, errorReply, type HttpReply, rateHeaders, replyOf, routeHeaders } from "../replies.ts";
import type { RequestDeps } from "../requests.ts";
import { failure, send } from "../sending.ts";
import type { Told, Wait } from "../waiting.ts";
import { ChatRelay } from "./chat-relay.ts";
import type { StreamReader, Wakes } from "./contract.ts";
import { PageSize } from "./page-size.ts";
import type { EventStream, EventStreams } from "./sse.ts";
import { sseText } from "./sse-format.ts";

export type ChatStreamDeps = RequestDeps & {
  readonly wakes: Wakes;
  readonly reader: StreamReader;
  readonly streams: Pick<EventStreams, "open">;
};

export type ChatCall = {
  readonly tenant: string;
  readonly id: string;
  /** `stream_options.include_usage`. */
  readonly usage_wanted: boolean;
  /** It came with an idempotency key. */
  readonly keyed: boolean;
  readonly reply: FastifyReply;
};

const DONE = "[DONE]";

/** What is known of a request before its Result. */
type Facts = Partial<Pick<Extract<RequestState, { state: "routed" }>, "tier" | "model" | "cache">>;

export class ChatSending {
  readonly #deps: ChatStreamDeps;
  readonly #call: ChatCall;
  readonly #relay: ChatRelay;
  readonly #bell = new Bell();
  readonly #page = new PageSize();
  #stream: EventStream | undefined;
  #costs_later = false;
  #facts: Facts = {};
  #room: RateRoom = {};
  #tokens_after: string | undefined;
  #states_after: string | undefined;
  #wait: Wait | undefined;
  /** `none`: the wait is over. */
  #told: Told | "none" | undefined;
  /** Something came since the wait began. */
  #moved = false;
  #gone = false;
  #over = false;

  constructor(deps: ChatStreamDeps, call: ChatCall) {
    this.#deps = deps;
    this.#call = call;
    this.#relay = new ChatRelay(call.usage_wanted);
  }

  /** Nobody listens any more. */
  leave(): void {
    this.#gone = true;
    this.#bell.ring();
  }

  /** Follows the request, has it produced, and streams it. Rejects (retryable) where that cannot be done and nothing was sent. */
  async run(produce: () => Promise<void>): Promise<FastifyReply> {
    const { tenant, id, reply } = this.#call;
    const following = await this.#deps.wakes.follow(tenant, id, () => this.#bell.ring());
    this.#await();
    try {
      await produce();
      await this.#follow();
    } catch (error) {
      if (this.#stream === undefined) throw error;
      this.#deps.log.warn({ error }, "a stream could not be sent to its end");
      await this.#fail(errorReply(503, failure("unavailable", "api_error", this.#restAt())));
    } finally {
      this.#over = true;
      following.close();
      this.#wait?.cancel();
    }
    return reply;
  }

  /** Streams a Result that is there already. */
  async replay(result: Result): Promise<FastifyReply> {
    await this.#conclude(result);
    return this.#call.reply;
  }

  /** As long as something comes, the wait begins anew. */
  #await(): void {
    const { tenant, id } = this.#call;
    const lookUp = async () => (await this.#deps.views.read(tenant, id))?.result;
    const wait = this.#deps.waiting.wait(tenant, id, this.#deps.settings.wait_ms_max, lookUp);
    this.#wait = wait;
    void wait.told.then((told) => {
      if (this.#over) return;
      if (told === undefined && this.#moved) {
        this.#moved = false;
        this.#await();
        return;
      }
      this.#told = told ?? "none";
      this.#bell.ring();
    });
  }

  async #follow(): Promise<void> {
    for (;;) {
      if (this.#stream !== undefined && !(await this.#stream.room())) return;
      if (this.#gone) return;
      if (this.#told === "none") return this.#fail(errorReply(504, this.#pending(), this.#pendingHeaders()));
      if (this.#told !== undefined) {
        this.#room = { ...this.#room, ...decodeRateRoom(this.#told.rate_room) };
        return this.#conclude(JSON.parse(this.#told.result) as Result);
      }
      const more = await this.#pull();
      const { ended } = this.#relay;
      if (ended !== undefined) return this.#finish(ended.usage);
      if (!more && this.#told === undefined) await this.#bell.heard();
    }
  }

  /** Reads what is new and sends what may go. @returns whether there may be more. */
  async #pull(): Promise<boolean> {
    const { tenant, id } = this.#call;
    const { begun, live } = this.#relay;
    const { reader } = this.#deps;
    const { limit } = this.#page;
    // Once tokens come, states say nothing new; once only the Result helps, tokens do not.
    const states = begun && live ? [] : reader.states(tenant, id, this.#states_after);
    const entries = begun && !live ? [] : reader.tokens(tenant, id, this.#tokens_after, limit);
    const read = await Promise.all([states, entries]).catch((error: unknown) => {
      // The next word or look tries again; the Result comes in any case.
      this.#deps.log.debug({ error }, "what is new of a request cannot be read");
      return undefined;
    });
    if (read === undefined) return false;
    for (const { id: at, state } of read[0]) {
      this.#states_after = at;
      this.#learn(state);
      if (state.state === "ended") await this.#lookUp();
    }
    const chunks: string[] = [];
    let chars = 0;
    for (const { id: at, event } of read[1]) {
      this.#tokens_after = at;
      if (event.kind === "token") chars += event.chunk.length;
      chunks.push(...this.#relay.take(at, event));
    }
    this.#page.saw(read[1].length, chars);
    if (read[1].length > 0) this.#moved = true;
    if (chunks.length > 0) {
      this.#open();
      await this.#write(chunks);
    }
    return read[1].length === limit;
  }

  #learn(state: FollowedState): void {
    // Told by our own services alone; of a job there are others, which nobody streams here.
    const told = state as RequestState;
    if (told.state === "admitted") this.#room = decodeRateRoom(told.rate_room);
    if (told.state === "routed") this.#facts = { tier: told.tier, model: told.model, cache: told.cache };
  }

  /** For those to whom no word of the Result goes: their request came by another process. */
  async #lookUp(): Promise<void> {
    const { tenant, id } = this.#call;
    const view = await this.#deps.views.read(tenant, id).catch(() => undefined);
    if (view?.result !== undefined) this.#told ??= { result: view.result };
  }

  async #conclude(result: Result): Promise<void> {
    const { response, route, usage } = result;
    if (result.status !== "succeeded" || response === undefined) {
      return this.#fail(replyOf(result, this.#room, this.#call.keyed));
    }
    if (route !== undefined) this.#facts = route;
    const rest = this.#relay.rest(response);
    if (rest === undefined) {
      const message = `the answer was begun anew and differs from what was sent; ${this.#restAt()}`;
      return this.#fail(errorReply(502, failure("stream_broken", "api_error", message)));
    }
    this.#open(usage === undefined ? undefined : costText(usage.cost_usd));
    for (const chunk of rest) if (!(await this.#write([chunk]))) return;
    await this.#finish(usage, response);
  }

  /** The answer is with the caller. */
  async #finish(usage: Usage | undefined, response?: object): Promise<void> {
    const { tier, cache } = this.#facts;
    const account = { id: this.#call.id, tier, cache, cost_usd: usage?.cost_usd };
    const written = await this.#write([...this.#relay.closing(usage, account, response), DONE]);
    if (written && usage !== undefined && this.#costs_later) {
      this.#call.reply.raw.addTrailers({ [COST_HEADER]: costText(usage.cost_usd) });
    }
    this.#stream?.end();
  }

  async #fail(reply: HttpReply): Promise<void> {
    if (this.#stream === undefined) {
      send(this.#call.reply, reply);
      return;
    }
    await this.#write([JSON.stringify(reply.body)]);
    this.#stream.end();
  }

  /** @param cost where it is known; else it follows the last event. */
  #open(cost?: string): void {
    if (this.#stream !== undefined) return;
    const { reply, id } = this.#call;
    const { tier, model, cache } = this.#facts;
    const unrouted = tier === undefined || model === undefined || cache === undefined;
    this.#costs_later = cost === undefined;
    reply.headers({
      "x-sluice-id": id,
      ...(unrouted ? {} : routeHeaders({ tier, model, cache })),
      ...rateHeaders(this.#room),
      ...(cost === undefined ? { trailer: COST_HEADER } : { [COST_HEADER]: cost }),
    });
    this.#stream = this.#deps.streams.open(reply);
  }

  /** @returns false when nobody takes it any more. */
  async #write(data: readonly string[]): Promise<boolean> {
    return (await this.#stream?.write(data.map((one) => sseText({ data: one })).join(""))) ?? false;
  }

  #pending() {
    return failure("result_pending", "timeout_error", `the result is not there yet; ${this.#restAt()}`);
  }

  #pendingHeaders(): Record<string, string> {
    // Under its key the same call waits on.
    return { "x-sluice-id": this.#call.id, ...(this.#call.keyed ? { "x-should-retry": "true" } : {}) };
  }

  #restAt(): string {
    return `ask for it at /v1/requests/${this.#call.id}`;
  }
}

/** Rung while nobody listens, it is heard at once by the next who does. */
class Bell {
  #rung = false;
  #listener: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#listener?.();
  }

  async heard(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#listener = resolve;
      });
      this.#listener = undefined;
    }
    this.#rung = false;
  }
}
