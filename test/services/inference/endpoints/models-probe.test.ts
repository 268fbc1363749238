import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { probeModels } from "../../../../services/inference/endpoints/models-probe.ts";

test("any answer below 500 says that somebody is there; none is a rejection", async () => {
  const asked: string[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.writeHead(status, { connection: "close" }).end("{}");
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  try {
    assert.equal(await probeModels(base_url, "k", 5_000), true);
    status = 404;
    assert.equal(await probeModels(`${base_url}/`, undefined, 5_000), true);
    status = 503;
    assert.equal(await probeModels(base_url, "k", 5_000), false);
    assert.deepEqual(asked.slice(0, 2), ["GET /v1/models Bearer k", "GET /v1/models undefined"]);
  } finally {
    await new Promise((resolve) => void server.close(resolve));
  }
  await assert.rejects(probeModels(base_url, "k", 5_000));
});
