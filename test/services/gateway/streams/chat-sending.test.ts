/** Chat streams to readers that are slow, on ports that fail, and for requests that came by another process. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach, describe, test } from "node:test";
import { gatewaySchema } from "../../../../libs/shared/config/gateway.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import type { TokenEvent } from "../../../../libs/shared/redis/token-events.ts";
import type { GatewayDeps } from "../../../../services/gateway/server.ts";
import { WaitingCallers } from "../../../../services/gateway/waiting.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { NAMES } from "../../../support/memory-ports.ts";
import { type Fixture, KEY, listening, type Script } from "../gateway-fixture.ts";

const START: TokenEvent = { kind: "start", attempt: 1, model: "m", endpoint: "e" };
const USAGE = {
  ...{ prompt_tokens: 3, cached_prompt_tokens: 0, completion_tokens: 2, cost_usd: 0.0005, price_version: "1" },
  estimated: false,
};
const END: TokenEvent = { kind: "end", status: "succeeded", usage: USAGE };
const token = (content: string): TokenEvent => ({
  kind: "token",
  chunk: JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content }, finish_reason: null }] }),
});
const answer = (content: string): object => ({
  ...{ id: "c", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content }, logprobs: null, finish_reason: "stop" }],
});

let open: Fixture | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function setUp(script: Script, more: Partial<GatewayDeps> = {}) {
  open = await listening(script, more);
  return open;
}

/** Asks for a stream; what comes is read only when the test does. */
async function ask(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const call = httpRequest(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json", ...headers },
  });
  call.on("error", () => undefined);
  call.end(JSON.stringify({ messages: [{ role: "user", content: "hi" }], stream: true }));
  const [reply] = (await once(call, "response")) as [IncomingMessage];
  return reply;
}

async function readAll(reply: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of reply) text += chunk;
  return text;
}

const contentOf = (text: string): string =>
  [...text.matchAll(/^data: (\{.*\})$/gm)]
    .map(([, data]) => JSON.parse(data as string).choices?.[0]?.delta.content ?? "")
    .join("");

describe("a chat stream", () => {
  test("tells what it cost behind its last event", async () => {
    const { url } = await setUp(({ id }, pipe) => pipe.following.token(id, START, token("a"), END));
    const reply = await ask(url);
    assert.match(await readAll(reply), /data: \[DONE\]\n\n$/);
    assert.deepEqual(reply.trailers, { "x-sluice-cost-usd": "0.000500000" });
  });

  test("reads no more than its reader takes, and loses nothing for it", async () => {
    let read = 0;
    let asked = "";
    const { url, following, deps } = await setUp(({ id }) => {
      asked = id;
    });
    const tokens = following.tokens.bind(following);
    deps.reader.tokens = async (...of) => {
      const entries = await tokens(...of);
      read += entries.length;
      return entries;
    };
    const big = "x".repeat(16_000);
    const reply = ask(url);
    while (asked === "") await new Promise(setImmediate);
    following.token(asked, START, ...Array.from({ length: 2_000 }, () => token(big)), END);
    const stalled = await reply;
    // Until what the sockets take is full.
    for (let before = -1; before !== read; ) {
      before = read;
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    }
    assert.ok(read < 1_500, `${read} entries were read for a reader that took nothing`);
    assert.equal(contentOf(await readAll(stalled)).length, 2_000 * big.length);
  });

  test("is read in pages that large chunks make small", async () => {
    for (const [chars, entries_max] of [
      [10, 100],
      [20_000, 1],
    ] as const) {
      const pages: number[] = [];
      const { url, following, deps, close } = await setUp(({ id }) => {
        following.token(id, START, ...Array.from({ length: 300 }, () => token("x".repeat(chars))), END);
      });
      const tokens = following.tokens.bind(following);
      deps.reader.tokens = async (...of) => {
        const entries = await tokens(...of);
        if (entries.length > 0) pages.push(entries.length);
        return entries;
      };
      assert.equal(contentOf(await readAll(await ask(url))).length, 300 * chars);
      const [first = 0, ...others] = pages;
      assert.ok(first <= 4, "a few, as long as nothing is known of them");
      assert.equal(Math.max(...others), entries_max);
      await close();
    }
  });

  test("of a request that came by another process ends by its state and its view", async () => {
    const { url, pipe, following, waiting, publisher } = await setUp(() => undefined);
    // No word of the Result comes here.
    waiting.deliver = () => undefined;
    const first = ask(url, { "idempotency-key": "k" });
    while (following.count < 1) await new Promise(setImmediate);
    const second = ask(url, { "idempotency-key": "k" });
    while (following.count < 2) await new Promise(setImmediate);
    const ids = new Set(publisher.values(NAMES.requests).map(({ id }) => id as string));
    assert.equal(ids.size, 1);
    pipe.end([...ids][0] as string, { response: answer("both") as never });
    for (const reply of await Promise.all([first, second])) assert.equal(contentOf(await readAll(reply)), "both");
  });

  test("goes on by the Result where tokens cannot be read", async () => {
    const { url, pipe, following } = await setUp(({ id }) => {
      following.token(id, START, token("a"));
      setImmediate(() => pipe.end(id, { response: answer("whole") as never }));
    });
    following.tokens = async () => {
      throw unavailable("redis", new Error("away"));
    };
    assert.equal(contentOf(await readAll(await ask(url))), "whole");
  });

  test("is refused with 503 where it cannot be followed, or where too many are, and nothing is sent", async () => {
    const settings = gatewaySchema.parse({ streams: { open_max: 1 } });
    const { url, following, publisher } = await setUp(() => undefined, { settings });
    const follow = following.follow.bind(following);
    following.follow = async () => {
      throw unavailable("redis", new Error("secret-host away"));
    };
    const away = await ask(url);
    const text = await readAll(away);
    assert.equal(away.statusCode, 503);
    assert.match(text, /"code":"unavailable"/);
    assert.doesNotMatch(text, /secret-host/);
    following.follow = follow;
    await following.follow("demo", "other", () => undefined);
    const full = await ask(url);
    assert.match(await readAll(full), /"code":"overloaded"/);
    assert.deepEqual([full.statusCode, publisher.records.length], [503, 0]);
  });

  test("goes on for as long as tokens come, however long that is, and no longer", async () => {
    for (const ends of [true, false]) {
      const clock = new VirtualClock();
      const settings = gatewaySchema.parse({ wait_ms_max: 40 });
      const begun = Promise.withResolvers<void>();
      const { url, following, close } = await setUp(
        ({ id }) => {
          following.token(id, START, token("a"));
          for (let at = 1; at < 8; at += 1) clock.after(at * 30, () => following.token(id, token("a")));
          if (ends) clock.after(240, () => following.token(id, END));
          begun.resolve();
        },
        { settings, waiting: new WaitingCallers(clock) },
      );
      const reply = ask(url);
      await begun.promise;
      await clock.run(() => false, START_MS + 10_000);
      const text = await readAll(await reply);
      assert.equal(contentOf(text), "a".repeat(8));
      assert.match(text, ends ? /\[DONE\]\n\n$/ : /"code":"result_pending"/);
      await close();
    }
  });
});
