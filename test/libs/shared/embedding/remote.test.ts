/** Embeddings by an endpoint: what is asked, what is taken for an answer, and what is tried once more. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Clock } from "../../../../libs/shared/clock.ts";
import { RemoteEmbeddings } from "../../../../libs/shared/embedding/remote.ts";
import { SluiceError } from "../../../../libs/shared/errors.ts";

type Asked = {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly input: string[] };
};
type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body: unknown } | "hang";

const asked: Asked[] = [];
let answers: ((asked: Asked) => Answer)[] = [];
const server = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const one = { url: request.url ?? "", headers: request.headers, body: JSON.parse(text) as Asked["body"] };
  asked.push(one);
  const answer = (answers.shift() ?? lengths)(one);
  if (answer === "hang") return;
  response.writeHead(answer.status ?? 200, answer.headers);
  response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
});

/** [3, length of the text], the last text first. */
const lengths = ({ body }: Asked): Answer => {
  const data = body.input.map((text, index) => ({ index, embedding: [3, text.length] }));
  return { body: { data: data.reverse() } };
};
const failing =
  (status: number, headers: Record<string, string> = {}) =>
  (): Answer => ({ status, headers, body: "{}" });

/** Waits of back-off end at once; the time-out of a call ends it only where the test says so. */
function clockOf(timeouts: boolean): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    now_ms: () => 0,
    after(delay_ms, task) {
      if (delay_ms === TIMEOUT_MS) {
        if (timeouts) setImmediate(task);
        return { cancel: () => undefined };
      }
      waits.push(delay_ms);
      setImmediate(task);
      return { cancel: () => undefined };
    },
  };
}

const TIMEOUT_MS = 10_000;

async function open(clock: Clock = clockOf(false)): Promise<RemoteEmbeddings> {
  const { port } = server.address() as AddressInfo;
  return RemoteEmbeddings.open({
    base_url: `http://127.0.0.1:${port}/v1/`,
    api_key: "secret",
    model: "some-model",
    timeout_ms: TIMEOUT_MS,
    clock,
    random: () => 0.5,
  });
}

async function using(clock: Clock, work: (remote: RemoteEmbeddings) => Promise<void>): Promise<void> {
  const remote = await open(clock);
  asked.length = 0;
  try {
    await work(remote);
  } finally {
    await remote.close();
  }
}

const refused = (retryable: boolean, words: RegExp) => (error: unknown) =>
  error instanceof SluiceError &&
  error.code === "embedding_unavailable" &&
  error.retryable === retryable &&
  words.test(error.message);

before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => server.close().closeAllConnections());
beforeEach(() => {
  asked.length = 0;
  answers = [];
});

describe("an endpoint that embeds", () => {
  test("is asked in OpenAI's shape, and its vectors come in the texts' order with length 1", async () => {
    await using(clockOf(false), async (remote) => {
      const vectors = await remote.embed(["four", ""]);
      assert.equal(remote.dimensions, 2);
      assert.deepEqual(vectors, [Float32Array.of(0.6, 0.8), Float32Array.of(1, 0)]);
      const [{ url, headers, body } = assert.fail()] = asked;
      assert.equal(url, "/v1/embeddings");
      assert.equal(headers.authorization, "Bearer secret");
      assert.deepEqual(body, { model: "some-model", input: ["four", ""], encoding_format: "float" });
    });
  });

  for (const status of [408, 429, 500, 503]) {
    test(`that answers ${status} is asked once more`, async () => {
      const clock = clockOf(false);
      await using(clock, async (remote) => {
        answers = [failing(status, { "retry-after": "2" })];
        assert.equal((await remote.embed(["a"])).length, 1);
        assert.equal(asked.length, 2);
        assert.deepEqual(clock.waits, [2_000]);
      });
    });
  }

  test("that fails twice has failed for now", async () => {
    await using(clockOf(false), async (remote) => {
      answers = [failing(500), failing(502)];
      await assert.rejects(remote.embed(["a"]), refused(true, /answered 502/));
      assert.equal(asked.length, 2);
    });
  });

  test("that asks for a longer wait than there is time has failed for now", async () => {
    await using(clockOf(false), async (remote) => {
      answers = [failing(429, { "retry-after": "60" })];
      await assert.rejects(remote.embed(["a"]), refused(true, /answered 429/));
      assert.equal(asked.length, 1);
    });
  });

  for (const status of [400, 401, 404]) {
    test(`that answers ${status} is not asked again`, async () => {
      await using(clockOf(false), async (remote) => {
        answers = [failing(status)];
        await assert.rejects(remote.embed(["a"]), refused(false, new RegExp(`answered ${status}`)));
        assert.equal(asked.length, 1);
      });
    });
  }

  const wrong: Readonly<Record<string, unknown>> = {
    "no JSON": "<html>",
    null: null,
    "no data": {},
    "too few vectors": { data: [{ index: 0, embedding: [1, 2] }] },
    "two vectors for one text": { data: [0, 0].map((index) => ({ index, embedding: [1, 2] })) },
    "vectors of text": { data: [0, 1].map((index) => ({ index, embedding: ["1", "2"] })) },
    "vectors of another model": { data: [0, 1].map((index) => ({ index, embedding: [1, 2, 3] })) },
    "empty vectors": { data: [0, 1].map((index) => ({ index, embedding: [] })) },
  };
  for (const [what, body] of Object.entries(wrong)) {
    test(`that answers with ${what} gives no vectors`, async () => {
      await using(clockOf(false), async (remote) => {
        answers = [() => ({ body })];
        await assert.rejects(remote.embed(["a", "b"]), refused(false, /no vectors of one length/));
      });
    });
  }

  test("that says nothing is given up", async () => {
    const remote = await open();
    await remote.close();
    answers = [() => "hang"];
    await assert.rejects(open(clockOf(true)), refused(true, /took too long/));
  });

  test("that is not there has failed for now", async () => {
    const where = { base_url: "http://127.0.0.1:1/v1", model: "m", timeout_ms: TIMEOUT_MS };
    const opened = RemoteEmbeddings.open({ ...where, clock: clockOf(false), random: () => 0.5 });
    await assert.rejects(opened, refused(true, /is away/));
  });
});
