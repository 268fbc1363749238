/** Health, readiness and metrics over HTTP. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Gauge, Registry } from "prom-client";
import { type HealthServer, serveHealth } from "../../../../libs/shared/http/health.ts";

describe("the health server", () => {
  const metrics = new Registry();
  new Gauge({ name: "things", help: "Things", registers: [metrics] }).set(3);
  let problems: string[] | Error = [];
  let server: HealthServer;
  before(async () => {
    const ready = async () => {
      if (problems instanceof Error) throw problems;
      return problems;
    };
    server = await serveHealth({ host: "127.0.0.1", port: 0 }, ready, metrics);
  });
  after(() => server.close());

  async function get(path: string) {
    const response = await fetch(`${server.url}${path}`);
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  }

  test("is alive whatever is away", async () => {
    problems = ["redis is away"];
    assert.deepEqual(await get("/healthz"), { status: 200, type: "application/json", text: '{"status":"ok"}' });
  });

  test("is ready when nothing is wrong, and names what is", async () => {
    problems = [];
    assert.deepEqual(JSON.parse((await get("/readyz?verbose=1")).text), { ready: true, problems: [] });
    problems = ["redis is away", "starting"];
    const { status, text } = await get("/readyz");
    assert.deepEqual([status, JSON.parse(text)], [503, { ready: false, problems }]);
  });

  test("a check that fails is a 500, and the server goes on", async () => {
    problems = new Error("check");
    assert.equal((await get("/readyz")).status, 500);
    assert.equal((await get("/healthz")).status, 200);
  });

  test("gives metrics in Prometheus's format", async () => {
    const { status, type, text } = await get("/metrics");
    assert.equal(status, 200);
    assert.match(type ?? "", /^text\/plain/);
    assert.match(text, /^things 3$/m);
  });

  test("knows no other path", async () => assert.equal((await get("/metrics/x")).status, 404));

  test("a port that is taken is an error of the start", async () => {
    const port = Number(new URL(server.url).port);
    const start = serveHealth({ host: "127.0.0.1", port }, async () => [], metrics);
    await assert.rejects(start, { code: "EADDRINUSE" });
  });
});
