/** The console's page and files over HTTP. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import Fastify, { type FastifyInstance } from "fastify";
import { buildConsole, consoleFiles } from "../../../../services/gateway/console/bundle.ts";
import { consoleRoutes } from "../../../../services/gateway/console/routes.ts";

describe("the console's files", () => {
  let app: FastifyInstance;
  let builds = 0;
  let script = "";

  before(async () => {
    app = Fastify();
    const files = consoleFiles(async () => {
      builds += 1;
      // The first try fails, as where the bundler cannot be started.
      if (builds === 1) throw new Error("no bundler");
      return buildConsole();
    });
    consoleRoutes({ files })(app);
    const first = await app.inject({ url: "/console" });
    assert.equal(first.statusCode, 500);
    const { body } = await app.inject({ url: "/console" });
    script = /src="([^"]+\.js)"/.exec(body)?.[1] ?? "";
  });

  test("are built once, and again only after a failure", async () => {
    await Promise.all(["/console", "/console/requests/demo/one", script].map((url) => app.inject({ url })));
    assert.equal(builds, 2);
  });

  test("hold nothing inline and name nothing elsewhere", async () => {
    const { body, headers } = await app.inject({ url: "/console/budgets" });
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    assert.equal(headers["cache-control"], "no-cache");
    assert.doesNotMatch(body, /<script(?![^>]* src=)|<style| style=| on\w+=/);
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|\*/);
  });

  for (const [accepted, encoding, decode] of [
    ["gzip, deflate, br", "br", brotliDecompressSync],
    ["gzip;q=0.5, br;q=0", "gzip", gunzipSync],
    ["identity", undefined, (bytes: Buffer) => bytes],
  ] as const) {
    test(`are sent as ${encoding ?? "they are"} to who takes ${accepted}`, async () => {
      const reply = await app.inject({ url: script, headers: { "accept-encoding": accepted } });
      assert.equal(reply.headers["content-encoding"], encoding);
      assert.equal(reply.headers.vary, "accept-encoding");
      assert.match(String(reply.headers["cache-control"]), /immutable/);
      assert.match(decode(reply.rawPayload).toString(), /slc_…|sessionStorage/);
    });
  }

  test("are not sent again to who has them", async () => {
    const { headers } = await app.inject({ url: script });
    const known = await app.inject({ url: script, headers: { "if-none-match": `"other", W/${headers.etag}` } });
    assert.deepEqual([known.statusCode, known.body], [304, ""]);
    const other = await app.inject({ url: script, headers: { "if-none-match": '"other"' } });
    assert.equal(other.statusCode, 200);
  });

  test("of another version are not there", async () => {
    assert.equal((await app.inject({ url: "/console/assets/app-0000000000000000.js" })).statusCode, 404);
  });
});
