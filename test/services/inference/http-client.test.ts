/** The model backend over HTTP, against a server that does what each test says. Time is virtual: nobody waits. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { HttpModelClient } from "../../../services/inference/http-client.ts";
import type { ModelAnswer, ModelCall } from "../../../services/inference/model-client.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

type Act = (request: IncomingMessage, response: ServerResponse, clock: VirtualClock) => void | Promise<void>;

const STREAM = { "content-type": "text/event-stream; charset=utf-8" };
const event = (data: string): string => `data: ${data}\n\n`;
/** Lets virtual time pass, as far as there are timers. */
const pass = (clock: VirtualClock, ms: number) => clock.run(() => false, clock.now_ms() + ms);

let act: Act = () => undefined;
let clock = new VirtualClock();
const server = createServer((request, response) => {
  request.resume().on("end", () => void act(request, response, clock));
});
let base_url = "";

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

type Called = { readonly answer: ModelAnswer; readonly events: readonly string[] };

async function call(behaviour: Act, more: Partial<ModelCall> = {}, response_bytes_max = 1_000): Promise<Called> {
  act = behaviour;
  clock = new VirtualClock();
  const client = new HttpModelClient({ base_url, api_key: "k", connections_max: 1, response_bytes_max, clock });
  const body = Buffer.from("{}");
  try {
    const answer = await client.call({ path: "/chat/completions", body, timeout_ms: 10_000, id: "r1", ...more });
    return { answer, events: [] };
  } finally {
    await client.close();
  }
}

async function stream(behaviour: Act, more: Partial<ModelCall> = {}, response_bytes_max = 1_000): Promise<Called> {
  const events: string[] = [];
  const onEvent = (data: string): void => void events.push(data);
  const { answer } = await call(behaviour, { onEvent, ...more }, response_bytes_max);
  return { answer, events };
}

describe("a call", () => {
  test("is answered with what the provider says, of its limits too", async () => {
    const headers = {
      "retry-after": "2",
      "x-ratelimit-remaining-requests": "9",
      "x-ratelimit-remaining-tokens": "800",
      "x-ratelimit-reset-requests": "1m0.5s",
      "x-ratelimit-reset-tokens": "20ms",
    };
    const { answer } = await call((_, response) => void response.writeHead(429, headers).end("slow"));
    assert.deepEqual(answer, {
      kind: "answered",
      status: 429,
      body: Buffer.from("slow"),
      retry_after_ms: 2_000,
      limits: { remaining_requests: 9, remaining_tokens: 800, reset_requests_ms: 60_500, reset_tokens_ms: 20 },
    });
  });

  test("carries the key, the request's id, and that it only warms up", async () => {
    const seen: (string | string[] | undefined)[] = [];
    const note: Act = ({ url, headers }, response) => {
      seen.push(url, headers.authorization, headers["x-sluice-id"], headers["x-sluice-warm-up"]);
      response.end("{}");
    };
    await call(note);
    await call(note, { warm_up: true });
    assert.deepEqual(seen, [
      ...["/v1/chat/completions", "Bearer k", "r1", undefined],
      ...["/v1/chat/completions", "Bearer k", "r1", "1"],
    ]);
  });

  test("that is not answered in time is a time-out", async () => {
    const { answer } = await call((_request, _response, time) => void pass(time, 10_000));
    assert.deepEqual(answer, { kind: "timeout" });
  });

  test("is given up by its signal: before it is sent, and while it waits", async () => {
    const sent: string[] = [];
    const early = await call(({ url = "" }) => void sent.push(url), { signal: AbortSignal.abort() });
    assert.deepEqual([early.answer, sent], [{ kind: "aborted" }, []]);
    const controller = new AbortController();
    const late = await call(() => controller.abort(), { signal: controller.signal });
    assert.deepEqual(late.answer, { kind: "aborted" });
  });

  test("whose answer is too large is not read to its end", async () => {
    const { answer } = await call((_, response) => void response.end("x".repeat(1_001)));
    assert.deepEqual(answer, { kind: "too_large", bytes_max: 1_000 });
  });

  test("that is cut off went out; one that nobody takes did not", async () => {
    const { answer } = await call(({ socket }) => void socket.destroy());
    assert.deepEqual([answer.kind, answer.kind === "unreachable" && answer.sent], ["unreachable", true]);
    const nobody = new HttpModelClient({
      ...{ base_url: "http://127.0.0.1:1/v1", api_key: undefined, connections_max: 1, response_bytes_max: 1 },
    });
    const refused = await nobody.call({ path: "/x", body: Buffer.alloc(0), timeout_ms: 10_000, id: "r1" });
    await nobody.close();
    assert.equal(refused.kind, "unreachable");
    assert.ok(refused.kind === "unreachable" && refused.sent === undefined && refused.message !== "");
  });
});

describe("a streamed call", () => {
  test("tells its events as they come, and ends empty", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const events: string[] = [];
    const onEvent = (data: string): void => {
      // The next one is sent only after this one was heard.
      gates[events.push(data) - 1]?.resolve();
    };
    const { answer } = await stream(
      async (_, response) => {
        response.writeHead(200, STREAM).write(`: hello\n\n${event("one")}`);
        await gates[0]?.promise;
        response.write("data: tw");
        response.write(`o\n\n`);
        await gates[1]?.promise;
        response.end(event("[DONE]"));
      },
      { onEvent },
    );
    assert.deepEqual(events, ["one", "two"]);
    assert.deepEqual(answer, { kind: "answered", status: 200, body: Buffer.alloc(0) });
  });

  test("that ends or is cut before its [DONE] is broken, and what came was told", async () => {
    const ended = await stream((_, response) => void response.writeHead(200, STREAM).end(event("one")));
    assert.deepEqual(ended, { answer: { kind: "broken", message: "it ended before its [DONE]" }, events: ["one"] });
    const gate = Promise.withResolvers<void>();
    const events: string[] = [];
    const onEvent = (data: string): void => {
      events.push(data);
      gate.resolve();
    };
    const cut = await stream(
      async ({ socket }, response) => {
        response.writeHead(200, STREAM).write(event("one"));
        await gate.promise;
        socket.destroy();
      },
      { onEvent },
    );
    assert.deepEqual([cut.answer.kind, events], ["broken", ["one"]]);
  });

  test("is over at its [DONE], whatever the connection does", async () => {
    const { answer, events } = await stream((_, response, time) => {
      response.writeHead(200, STREAM).write(event("one") + event("[DONE]") + event("two"), () => {
        const grace = (): void => void pass(time, 1_000).then(() => response.writableEnded || setImmediate(grace));
        grace();
        response.on("close", () => response.end());
      });
    });
    assert.deepEqual([answer.kind, events], ["answered", ["one"]]);
  });

  test("that is refused, or answered whole, is an answer with its body", async () => {
    const refused = await stream((_, response) => void response.writeHead(400, STREAM).end("no"));
    assert.deepEqual(refused.answer, { kind: "answered", status: 400, body: Buffer.from("no") });
    const json = { "content-type": "application/json" };
    const whole = await stream((_, response) => void response.writeHead(200, json).end("{}"));
    assert.deepEqual(whole, { answer: { kind: "answered", status: 200, body: Buffer.from("{}") }, events: [] });
  });

  test("that falls silent is a time-out; one that goes on is not, until its time is over", async () => {
    const heard = (more: Partial<ModelCall>, steps: readonly number[]) => {
      let step = 0;
      const events: string[] = [];
      let say = (): void => undefined;
      const onEvent = (data: string): void => {
        events.push(data);
        const ms = steps[step];
        step += 1;
        // The pause is a timer of its own, so that virtual time goes exactly so far.
        if (ms === undefined) return void pass(clock, 100_000);
        clock.after(ms, say);
        void pass(clock, ms);
      };
      return stream(
        (_, response) => {
          response.writeHead(200, STREAM);
          say = () => void response.write(event("x"));
          say();
        },
        { onEvent, ...more },
      ).then(({ answer }) => ({ answer, heard: events.length, at_ms: clock.now_ms() - new VirtualClock().now_ms() }));
    };
    assert.deepEqual(await heard({ idle_ms: 500 }, [400, 400]), {
      answer: { kind: "timeout" },
      heard: 3,
      at_ms: 1_300,
    });
    const whole = await heard({ idle_ms: 500, timeout_ms: 1_000 }, [400, 400, 400, 400]);
    assert.deepEqual([whole.answer, whole.heard], [{ kind: "timeout" }, 3]);
  });

  test("is given up by its signal", async () => {
    const controller = new AbortController();
    const onEvent = (): void => controller.abort();
    const { answer } = await stream((_, response) => void response.writeHead(200, STREAM).write(event("one")), {
      onEvent,
      signal: controller.signal,
    });
    assert.deepEqual(answer, { kind: "aborted" });
  });

  test("is bounded: one event, and all of them together", async () => {
    const large = await stream((_, response) => void response.writeHead(200, STREAM).write(event("x".repeat(1_000))));
    assert.deepEqual(large, { answer: { kind: "too_large", bytes_max: 1_000 }, events: [] });
    const long = await stream(
      (_, response) => void response.writeHead(200, STREAM).write(event("0123456789").repeat(100)),
      {},
      20,
    );
    assert.deepEqual(long.answer, { kind: "too_large", bytes_max: 20 });
  });

  test("does not take a bug of its listener for the provider's failure", async () => {
    const onEvent = (): void => {
      throw new Error("a bug");
    };
    const send: Act = (_, response) => void response.writeHead(200, STREAM).write(event("one"));
    await assert.rejects(stream(send, { onEvent }), /a bug/);
  });
});
