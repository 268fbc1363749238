/**
 * From what stands in the two streams of a request (or the one of a job) to the events that its reader gets, each once, in order; and where that
 * reader then is. Pure: what is read when is `events.ts`'s.
 */
import type { FollowedState } from "../../../libs/shared/redis/request-events.ts";
import type { TokenEvent } from "../../../libs/shared/redis/token-events.ts";
import { compareEntryIds, entryBefore, eventId, isNext, isViewState, type Place } from "./event-ids.ts";
import { sseText } from "./sse-format.ts";
import { StateHistory } from "./state-history.ts";

export type FeedKind = "request" | "job";
type StateEntry = { readonly id: string; readonly state: FollowedState };
type TokenEntry = { readonly id: string; readonly event: TokenEvent };

/** How it stands now, from what lasts: a view, or a row. */
export type Standing = {
  readonly ended: boolean;
  /** Of a request, as the view has it. */
  readonly status: string;
  /** JSON for the reader. */
  readonly data: string;
  /** Of a job that has ended: when, epoch ms. */
  readonly ended_ms?: number;
};

/** A name that a later version gives is passed on, if it is one. */
const EVENT_NAME = /^[a-z_]{1,40}$/;

export class EventFeed {
  readonly #kind: FeedKind;
  /** Where the reader was when it came. */
  readonly #from: Place;
  readonly #history = new StateHistory();
  #place: Place;
  #last_state: string | undefined;
  #end_told = false;
  #tokens_open: boolean;

  constructor(kind: FeedKind, from: Place) {
    this.#kind = kind;
    this.#from = from;
    this.#place = from;
    this.#tokens_open = from.token !== undefined;
  }

  /** After which entry states are to be read: from the beginning at first, since what was seen follows from all of them. */
  get states_after(): string | undefined {
    return this.#last_state;
  }

  get tokens_after(): string | undefined {
    return this.#place.token;
  }

  /** Whether states of it are told at all. */
  get is_told(): boolean {
    return this.#last_state !== undefined || this.#from.state !== undefined;
  }

  /** Whether its end was told. The reader hears of it by `end`, when there are no more tokens. */
  get end_told(): boolean {
    return this.#end_told;
  }

  /** Whether tokens of an attempt have come, and their end has not. */
  get tokens_open(): boolean {
    return this.#tokens_open;
  }

  /** @param entries the ones after `states_after`. @returns what to send. */
  states(entries: readonly StateEntry[]): string {
    const fresh = entries.filter(({ id, state }) => {
      const is_new = this.#kind === "job" || this.#history.isNew(state);
      return is_new && (this.#from.state === undefined || compareEntryIds(id, this.#from.state) > 0);
    });
    this.#last_state = entries.at(-1)?.id ?? this.#last_state;
    // Progress is how things stand: of several the last one says it all. A job may go on after its end.
    const shown = this.#kind === "job" ? fresh.slice(-1) : fresh;
    if (this.#kind === "job" && shown.length > 0) this.#end_told = false;
    return shown.map((entry) => this.#state(entry)).join("");
  }

  /** @param entries the ones after `tokens_after`. @returns what to send. */
  tokens(entries: readonly TokenEntry[]): string {
    return entries.map(({ id, event }) => this.#token(id, event)).join("");
  }

  /** How it stands, for one of which no states are told. @returns what to send: nothing where the reader knows it. */
  standing({ status, data }: Standing): string {
    const view = this.#kind === "job" ? "running" : status;
    if (this.is_told || !isViewState(view) || this.#place.view === view) return "";
    this.#move({ view });
    return this.#text(this.#kind === "job" ? "progress" : view, data);
  }

  /** It goes on after all. */
  forgetEnd(): void {
    this.#end_told = false;
  }

  /** The last event. */
  end({ data, ended_ms }: Standing): string {
    this.#move({ ended: String(ended_ms ?? "") });
    return this.#text("ended", data);
  }

  #state({ id, state }: StateEntry): string {
    if (state.state === "ended") {
      this.#end_told = true;
      return "";
    }
    this.#move({ state: id });
    return EVENT_NAME.test(state.state) ? this.#text(state.state, JSON.stringify(state)) : "";
  }

  #token(id: string, event: TokenEvent): string {
    if (event.kind === "start") {
      this.#tokens_open = true;
      this.#place = { ...this.#place, token: id };
      const { kind: _, ...attempt } = event;
      return this.#text("attempt", JSON.stringify(attempt));
    }
    const last = this.#place.token;
    const is_cut = last === undefined ? event.kind === "token" : !isNext(last, id);
    this.#tokens_open = event.kind === "token";
    if (event.kind === "end") {
      this.#place = { ...this.#place, token: id };
      return is_cut || event.truncated === true ? this.#gap() : "";
    }
    let gap = "";
    if (is_cut) {
      // So that whoever comes back between the two is not told again.
      this.#place = { ...this.#place, token: entryBefore(id) };
      gap = this.#gap();
    }
    this.#place = { ...this.#place, token: id };
    return gap + this.#text("token", event.chunk);
  }

  #gap(): string {
    return this.#text("gap", JSON.stringify({ missing: "tokens" }));
  }

  #move(to: Place): void {
    const { token } = this.#place;
    this.#place = token === undefined ? to : { ...to, token };
  }

  #text(event: string, data: string): string {
    return sseText({ id: eventId(this.#place), event, data });
  }
}
