/** The webhook against a real server: what is taken, what may pass, and that an address is never told. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { postTo, webhookUrl } from "../../../services/ingest/webhook.ts";

describe("the webhook's address", () => {
  test("comes from the variable, if it is set", () => {
    assert.equal(webhookUrl({}, "HOOK"), undefined);
    assert.equal(webhookUrl({ HOOK: "" }, "HOOK"), undefined);
    assert.equal(webhookUrl({ HOOK: "https://a.example/x?y" }, "HOOK")?.href, "https://a.example/x?y");
  });

  test("that makes no sense names the variable and not its value", () => {
    for (const value of ["s3cret", "file:///s3cret"]) {
      const wrong = () => webhookUrl({ HOOK: value }, "HOOK");
      assert.throws(wrong, (error: Error & { code?: string }) => {
        return error.code === "settings_invalid" && error.message.includes("HOOK") && !error.message.includes("s3cret");
      });
    }
  });
});

describe("a post", () => {
  let status = 200;
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    bodies.push([request.method, request.url, JSON.parse(Buffer.concat(parts).toString())]);
    // 0: no answer.
    if (status !== 0) response.writeHead(status, { location: "/elsewhere" }).end("words");
  });
  let url: URL;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?secret`);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test("carries JSON to the whole address", async () => {
    assert.deepEqual(await postTo(url, 5_000)({ a: 1 }), { kind: "taken" });
    assert.deepEqual(bodies.at(-1), ["POST", "/hook?secret", { a: 1 }]);
  });

  for (const [code, kind] of [
    [204, "taken"],
    [302, "refused"],
    [404, "refused"],
    [408, "again"],
    [429, "again"],
    [503, "again"],
  ] as const) {
    test(`answered ${code} is ${kind}`, async () => {
      status = code;
      const posted = await postTo(url, 5_000)({});
      assert.equal(posted.kind, kind);
      assert.ok(!JSON.stringify(posted).includes("secret"));
    });
  }

  test("that is not answered in time, or finds nobody, may pass", async () => {
    status = 0;
    assert.equal((await postTo(url, 50)({})).kind, "again");
    assert.deepEqual(await postTo(new URL("http://127.0.0.1:1/"), 5_000)({}), { kind: "again", why: "ECONNREFUSED" });
  });
});
