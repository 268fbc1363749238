/** Callers that take too long to send. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import type { Clock } from "../../../libs/shared/clock.ts";
import { limitReceiving } from "../../../services/gateway/receiving.ts";

type Planned = { readonly delay_ms: number; readonly task: () => void; cancelled: boolean };

describe("the time to send a request", () => {
  let app: FastifyInstance;
  let port: number;
  let begun: () => void = () => undefined;
  const planned: Planned[] = [];
  const clock: Clock = {
    now_ms: () => 0,
    after(delay_ms, task) {
      const one: Planned = { delay_ms, task, cancelled: false };
      planned.push(one);
      begun();
      return {
        cancel() {
          one.cancelled = true;
        },
      };
    },
  };
  before(async () => {
    app = Fastify({ requestTimeout: 0 });
    limitReceiving(app, 1_000, clock);
    app.post("/short", async () => "taken");
    app.post("/long", { config: { receive_ms_max: 9_000 } }, async () => "taken");
    port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  });
  after(() => app.close());

  for (const [path, limit_ms] of [
    ["/short", 1_000],
    ["/long", 9_000],
    ["/nowhere", 1_000],
  ] as const) {
    test(`who has not sent all to ${path} in ${limit_ms} ms is told so and cut off`, async () => {
      planned.length = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      begun = resolve;
      const socket = connect(port, "127.0.0.1");
      let reply = "";
      socket.on("data", (piece) => {
        reply += String(piece);
      });
      const closed = once(socket, "close");
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a`,
      );
      await promise;
      assert.deepEqual(
        planned.map(({ delay_ms }) => delay_ms),
        [limit_ms],
      );
      planned[0]?.task();
      await closed;
      assert.match(reply, /^HTTP\/1\.1 (408|404) /);
    });
  }

  test("who has sent all is left alone", async () => {
    planned.length = 0;
    const headers = { "content-type": "application/json" };
    const reply = await fetch(`http://127.0.0.1:${port}/short`, { method: "POST", body: "{}", headers });
    assert.equal(await reply.text(), "taken");
    planned[0]?.task();
    assert.equal((await fetch(`http://127.0.0.1:${port}/short`, { method: "POST", body: "{}", headers })).status, 200);
    assert.equal(planned[0]?.cancelled, true);
  });
});
