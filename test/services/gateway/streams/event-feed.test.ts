/** Two streams become one sequence of events: each once, whenever a reader breaks off and wherever it goes on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ReadEvent, SseReader } from "../../../../bench/streams/sse-reader.ts";
import type { FollowedState } from "../../../../libs/shared/redis/request-events.ts";
import type { TokenEvent } from "../../../../libs/shared/redis/token-events.ts";
import { EventFeed, type FeedKind } from "../../../../services/gateway/streams/event-feed.ts";
import { compareEntryIds, type Place, readEventId } from "../../../../services/gateway/streams/event-ids.ts";

type StateEntry = { readonly id: string; readonly state: FollowedState };
type TokenEntry = { readonly id: string; readonly event: TokenEvent };

const ADMITTED = { state: "admitted" } as const;
const STARTED = { state: "started", attempt: 1 } as const;
const ENDED = { state: "ended", status: "succeeded" } as const;
const STANDING = { ended: true, status: "succeeded", data: '{"state":"ended"}' };
const start = (attempt = 1): TokenEvent => ({ kind: "start", attempt, model: "m", endpoint: "e" });
const token = (chunk: string): TokenEvent => ({ kind: "token", chunk });
const end: TokenEvent = { kind: "end", status: "succeeded" };

function states(...all: FollowedState[]): StateEntry[] {
  return all.map((state, at) => ({ id: `${10 + at}-0`, state }));
}

function tokens(from_n: number, ...all: TokenEvent[]): TokenEntry[] {
  return all.map((event, at) => ({ id: `20-${from_n + at}`, event }));
}

function read(text: string): readonly ReadEvent[] {
  return new SseReader().take(text);
}

function names(text: string): readonly string[] {
  return read(text).map(({ event, data }) => (event === "token" ? data : event));
}

function feedOf(kind: FeedKind = "request", from: Place = {}): EventFeed {
  return new EventFeed(kind, from);
}

describe("the events of a request", () => {
  test("are its states, its tokens and its end, each with where the reader then is", () => {
    const feed = feedOf();
    const text = feed.states(states(ADMITTED, STARTED)) + feed.tokens(tokens(0, start(), token("a"), token("b")));
    assert.deepEqual([feed.tokens_open, feed.end_told], [true, false]);
    const rest = feed.states(states(ADMITTED, STARTED, ENDED).slice(2)) + feed.tokens(tokens(3, end));
    assert.deepEqual([rest, feed.tokens_open, feed.end_told], ["", false, true]);
    assert.deepEqual(read(text + feed.end(STANDING)), [
      { id: "10-0~-", event: "admitted", data: '{"state":"admitted"}' },
      { id: "11-0~-", event: "started", data: '{"state":"started","attempt":1}' },
      { id: "11-0~20-0", event: "attempt", data: '{"attempt":1,"model":"m","endpoint":"e"}' },
      { id: "11-0~20-1", event: "token", data: "a" },
      { id: "11-0~20-2", event: "token", data: "b" },
      { id: "ended~20-3", event: "ended", data: '{"state":"ended"}' },
    ]);
  });

  test("say where tokens were cut away, once", () => {
    const cut = tokens(5, token("f"), token("g"), end);
    const [gap, first] = read(feedOf().tokens(cut));
    assert.deepEqual([gap?.event, gap?.id, first?.data], ["gap", "-~20-4", "f"]);
    const after_gap = feedOf("request", readEventId(gap?.id ?? "") ?? {});
    assert.deepEqual(names(after_gap.tokens(cut)), ["f", "g"]);
    assert.deepEqual(names(feedOf("request", { token: "20-2" }).tokens(cut)), ["gap", "f", "g"]);
    assert.deepEqual(names(feedOf("request", { token: "20-4" }).tokens(cut)), ["f", "g"]);
    assert.deepEqual(names(feedOf("request", { token: "20-4" }).tokens(cut.slice(2))), ["gap"]);
    assert.deepEqual(names(feedOf("request", { token: "19-7" }).tokens(tokens(0, start(2), token("a")))), [
      "attempt",
      "a",
    ]);
    assert.deepEqual(names(feedOf().tokens(tokens(0, start(), token("a"), { ...end, truncated: true }))), [
      "attempt",
      "a",
      "gap",
    ]);
    assert.equal(feedOf().tokens(tokens(0, end)), "");
  });

  test("of which no states are told are the ones of its view, each when it changes", () => {
    const view = (status: string) => ({ ended: false, status, data: JSON.stringify({ state: status }) });
    const feed = feedOf();
    const text = ["queued", "queued", "running", "running", "deferred", "odd"].map((one) => feed.standing(view(one)));
    assert.deepEqual(
      read(text.join("")).map(({ id, event }) => `${id} ${event}`),
      ["queued~- queued", "running~- running", "deferred~- deferred"],
    );
    assert.equal(feedOf("request", { view: "running" }).standing(view("running")), "");
    feed.states(states(ADMITTED));
    assert.equal(feed.standing(view("queued")), "", "what is told comes before what is looked up");
    assert.equal(feedOf("request", { state: "9-0" }).standing(view("running")), "");
  });

  test("of a job are its latest progress, and its end where it did not go on", () => {
    const progress = (done: number) => ({ state: "progress", done }) as const;
    const feed = feedOf("job");
    const all = states(progress(1), progress(2), { state: "ended", done: 2 }, progress(3));
    assert.deepEqual(
      read(feed.states(all.slice(0, 2))).map(({ data }) => data),
      ['{"state":"progress","done":2}'],
    );
    assert.deepEqual([feed.states(all.slice(2, 3)), feed.end_told], ["", true]);
    assert.deepEqual([names(feed.states(all.slice(3))), feed.end_told], [["progress"], false]);
    const fresh = feedOf("job");
    const standing = { ended: false, status: "running", data: '{"state":"progress","done":1}' };
    assert.deepEqual(read(fresh.standing(standing) + fresh.standing(standing)), [
      { id: "running~-", event: "progress", data: '{"state":"progress","done":1}' },
    ]);
  });
});

/** What Redis has at some moment: so many entries of each stream. */
type Moment = { readonly states: number; readonly tokens: number };

test("a reader that breaks off anywhere and comes back as often as it likes has what one that stayed has", () => {
  const repeated = fc.array(
    fc.constantFrom<FollowedState>(
      ADMITTED,
      STARTED,
      { ...STARTED, attempt: 2 },
      { state: "retrying", round: 1, due_ms: 5 },
    ),
    { maxLength: 8 },
  );
  const attempts = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 });
  const steps = fc.array(fc.record({ states: fc.nat(3), tokens: fc.nat(5), breaks_after: fc.option(fc.nat(6)) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(repeated, attempts, steps, (told, counts, moves) => {
      const all_states = states(...told);
      const all_tokens = counts.flatMap((count, at) => {
        const chunks = Array.from({ length: count }, (_, n) => token(`${at}.${n}`));
        const entries = tokens(0, start(at + 1), ...chunks);
        return entries.map(({ id, event }) => ({ id: id.replace("20-", `${20 + at}-`), event }));
      });
      const get = (feed: EventFeed, moment: Moment): readonly ReadEvent[] => {
        const after = <T extends { readonly id: string }>(entries: readonly T[], place: string | undefined): T[] =>
          entries.filter(({ id }) => place === undefined || compareEntryIds(id, place) > 0);
        const text =
          feed.states(after(all_states.slice(0, moment.states), feed.states_after)) +
          feed.tokens(after(all_tokens.slice(0, moment.tokens), feed.tokens_after));
        return read(text);
      };
      const whole = { states: all_states.length, tokens: all_tokens.length };
      const stayed = get(feedOf(), whole);
      const got: ReadEvent[] = [];
      let feed = feedOf();
      let moment: Moment = { states: 0, tokens: 0 };
      for (const { states, tokens, breaks_after } of [...moves, { ...whole, breaks_after: null }]) {
        moment = { states: moment.states + states, tokens: moment.tokens + tokens };
        const events = get(feed, moment);
        got.push(...events.slice(0, breaks_after ?? events.length));
        if (breaks_after !== null) feed = feedOf("request", readEventId(got.at(-1)?.id ?? "") ?? {});
      }
      const text = ({ event, data }: ReadEvent): string => `${event} ${data}`;
      // Between the two streams there is no order.
      const of = (events: readonly ReadEvent[], is_token: boolean): string[] =>
        events.filter(({ event }) => ["token", "attempt", "gap"].includes(event) === is_token).map(text);
      assert.deepEqual(of(got, true), of(stayed, true));
      assert.deepEqual(of(got, false), of(stayed, false));
    }),
  );
});
