/** Tenants apart: another tenant's ids are as ids that never were, on every route that the gateway documents and in every field. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { type Answer, Api, errorOf, type Operation, pathOf, withoutId } from "../support/api.ts";
import { batchOf, endOf, type List, makeObjects, type Objects, upload, type View } from "../support/objects.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";
import { until } from "../support/until.ts";

/** What an operation needs in its body to get as far as the object. */
const BODIES: Readonly<Record<string, object>> = {
  "PATCH /v1/webhooks/{id}": { enabled: false },
  "POST /v1/requests/{id}/report": { wrong_cache_hit: true },
  "POST /v1/batches/{id}/retry": {},
  "POST /v1/map-reduce/{id}/retry": {},
};
/** The same of what administrators do. */
const ADMIN_BODIES: Readonly<Record<string, object>> = {
  "POST /admin/rollouts/{name}/move": { percent: 50 },
  "POST /admin/budgets/{tenant}": { scope: "tenant_day", usd: 1 },
  "POST /admin/replays/{id}/start": {},
  "POST /admin/replays": { spec: { mode: "reuse", selection: {} } },
  "POST /admin/rollouts": { name: "never", change: { of: "model", tier: "small", model: "gpt-4.1-mini" } },
};
/** Models are everybody's whose plan has them: theirs are no lists of objects. */
const NO_OBJECTS = ["models"];
const ODD_IDS = [
  "..%2f..%2fetc%2fpasswd",
  "%2e%2e",
  "..",
  "a%2fb",
  "%00",
  "a%00b",
  "a%0d%0ax-header:1",
  "%ff%fe",
  "%",
  "%zz",
  "a%20b",
  "%F0%9F%8E%BA",
  "'%20OR%20''='",
  "*",
  "__proto__",
  "constructor",
  "-1",
  "batch_",
  "a".repeat(201),
  "a".repeat(599),
  "a".repeat(601),
  "a".repeat(12_000),
  `a${"%00".repeat(150)}`,
];
const ODD_VALUES = ["%00", "a%00b", "", "-1", "1e999", "__proto__", "%F0%9F%8E%BA", "..%2f..", "'", "a".repeat(5_000)];

describe("tenants apart", () => {
  let pipeline: Pipeline;
  let receiver: Server;
  let api: Api;
  /** A tenant's, and an administrator's. */
  let operations: readonly Operation[];
  let admin_operations: readonly Operation[];
  let other: string;
  /** Of the tenant demo. */
  let ids: Objects["ids"];
  let open: Objects["open"];
  let input_file: string;
  const demo = () => ({ key: pipeline.api_key });
  const withId = () => operations.filter(({ has_id }) => has_id);

  before(async () => {
    pipeline = await startPipeline({
      name: "tenants",
      settings: {
        plans: { narrow: { tiers: ["small"] } },
        tenants: { other: { plan: "narrow" } },
        webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] },
        jobs: { poll_ms: 200 },
      },
    });
    receiver = createServer((request, reply) => {
      request.resume();
      reply.writeHead(204).end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    api = new Api(pipeline.gateway_url);
    const all = await api.operations();
    operations = all.filter(({ scope }) => scope !== "admin");
    admin_operations = all.filter(({ scope }) => scope === "admin");
    other = await pipeline.createKey("other");
    await until(
      "the other's key is known",
      async () => (await api.call("GET", "/v1/models", { key: other })).status === 200,
    );
    const { port } = receiver.address() as AddressInfo;
    ({ ids, open, input_file } = await makeObjects(pipeline, api, `http://127.0.0.1:${port}/hook`));
  });
  after(async () => {
    await api?.close();
    receiver?.close();
    await pipeline?.stop();
  });

  /** As long and of the same alphabet, and never given out. */
  function neverOf(id: string): string {
    const flipped = id.replace(/[0-9a-f]{16,}/g, (hex) =>
      [...hex].map((digit) => (15 - Number.parseInt(digit, 16)).toString(16)).join(""),
    );
    return flipped === id ? `${id}-never` : flipped;
  }

  /** All that demo can see of its objects. */
  async function seenByDemo(): Promise<Record<string, string>> {
    const seen: Record<string, string> = {};
    for (const operation of operations.filter(({ method, is_stream }) => method === "GET" && !is_stream)) {
      for (const id of operation.has_id ? (ids[operation.kind] ?? []) : [""]) {
        const path = pathOf(operation, id);
        const { status, text } = await api.call("GET", path, demo());
        assert.equal(status, 200, `${path}: ${text}`);
        // Guesses about time move by themselves.
        seen[path] = text
          .replaceAll(/"eta_s":[\d.]+/g, "")
          .replaceAll(/, [^",]* left/g, "")
          .replaceAll(/"forecast_usd":[\d.e-]+/g, "");
      }
    }
    return seen;
  }

  function sameAsNever(what: string, found: Answer, id: string, never: Answer, never_id: string): void {
    assert.deepEqual(withoutId(found, id), withoutId(never, never_id), what);
  }

  test("every route with an id has an object here, and every field that takes one is known", () => {
    assert.ok(withId().length >= 25);
    assert.deepEqual(
      withId().filter(({ kind }) => (ids[kind] ?? []).length === 0 || ids[kind]?.includes("")),
      [],
      "give these an object in test/support/objects.ts",
    );
    const takesId = (name: string): boolean => /(^|_)ids?$|^(after|before|job|subject)$/.test(name);
    const fields = operations.flatMap(({ name, query, body }) =>
      [...query, ...Object.keys(body?.properties ?? {})].filter(takesId).map((field) => `${name} ${field}`),
    );
    assert.deepEqual(fields.toSorted(), [
      "GET /v1/batches after",
      "GET /v1/batches/{id}/requests after",
      "GET /v1/deliveries after",
      "GET /v1/deliveries subject",
      "GET /v1/files after",
      "GET /v1/map-reduce after",
      "GET /v1/map-reduce/{id}/shards after",
      "GET /v1/requests after",
      "GET /v1/requests job",
      "GET /v1/requests/{id}/events last_event_id",
      "GET /v1/webhooks after",
      "GET /v1/webhooks/{id}/deliveries after",
      "GET /v1/webhooks/{id}/deliveries subject",
      "POST /v1/batches input_file_id",
      "POST /v1/map-reduce input_file_id",
      "POST /v1/requests id",
    ]);
  });

  test("another tenant's ids are as ids that never were, on every route, and nothing happens to them", async () => {
    const before_all = await seenByDemo();
    for (const operation of withId()) {
      const body = BODIES[operation.name];
      for (const method of operation.method === "GET" ? ["GET", "HEAD"] : [operation.method]) {
        for (const id of ids[operation.kind] ?? []) {
          const what = `${method} ${operation.path} ${id}`;
          const never_id = neverOf(id);
          const [found, never] = [
            await api.call(method, pathOf(operation, id), { key: other, body }),
            await api.call(method, pathOf(operation, never_id), { key: other, body }),
          ];
          // What would be made for nobody has no HEAD, whoever's it is.
          const expected = method === "HEAD" && found.status === 405 ? 405 : 404;
          assert.equal(found.status, expected, `${what}: ${found.text}`);
          sameAsNever(what, found, id, never, never_id);
          if (method !== "HEAD") errorOf(found, what);
        }
      }
    }
    assert.deepEqual(await seenByDemo(), before_all);
  });

  test("an id of another kind is none", async () => {
    for (const operation of withId()) {
      const others = Object.entries(ids).filter(([kind]) => kind !== operation.kind);
      for (const [kind, [id = ""]] of others) {
        const { status, text } = await api.call(operation.method, pathOf(operation, id), {
          ...demo(),
          body: BODIES[operation.name],
        });
        assert.equal(status, 404, `${operation.name} with one of ${kind}: ${text}`);
      }
    }
  });

  test("nothing of another tenant can be named in a body, a filter or a cursor", async () => {
    const prompts = { map: { prompt: "a" }, reduce: { prompt: "b" } };
    const window = { endpoint: "/v1/chat/completions", completion_window: "24h" };
    for (const file of ids["files"] ?? []) {
      for (const [path, body] of [
        ["/v1/batches", window],
        ["/v1/map-reduce", prompts],
      ] as const) {
        const ask = (input_file_id: string) => api.call("POST", path, { key: other, body: { ...body, input_file_id } });
        const found = await ask(file);
        assert.deepEqual([found.status, errorOf(found, path).param], [404, "input_file_id"]);
        sameAsNever(path, found, file, await ask(neverOf(file)), neverOf(file));
      }
    }
    for (const { path, kind } of operations.filter(({ has_id, query }) => !has_id && query.includes("after"))) {
      for (const id of ids[kind] ?? []) {
        const ask = (after_id: string) => api.call("GET", `${path}?after=${after_id}`, { key: other });
        sameAsNever(`${path}?after`, await ask(id), id, await ask(neverOf(id)), neverOf(id));
      }
    }
    const [subject, batch, map_reduce] = ["requests", "batches", "map-reduce"].map((kind) => ids[kind]?.[0]);
    for (const filter of [`deliveries?subject=${subject}`, `requests?job=${batch}`, `requests?job=${map_reduce}`]) {
      const found = await Promise.all(
        [pipeline.api_key, other].map((key) => api.json<List>("GET", `/v1/${filter}`, { key })),
      );
      assert.deepEqual([found[0]?.data.length !== 0, found[1]?.data], [true, []], filter);
    }
  });

  test("every list of a tenant that has made nothing is empty", async () => {
    const lists = operations.filter(
      ({ method, has_id, kind }) => method === "GET" && !has_id && !NO_OBJECTS.includes(kind),
    );
    assert.ok(lists.length >= 7);
    for (const { path } of lists) {
      const { data, total } = await api.json<{ data?: unknown[]; total?: { requests: number } }>("GET", path, {
        key: other,
      });
      assert.deepEqual([data ?? [], total?.requests ?? 0], [[], 0], path);
    }
  });

  test("no route answers without a key, nor a key without its scope", async () => {
    const by_scope: Record<string, string> = {
      submit: await pipeline.createKey("demo", ["read"]),
      read: await pipeline.createKey("demo", ["submit"]),
    };
    for (const key of Object.values(by_scope)) {
      await until("the key is known", async () => (await api.call("GET", "/v1/models", { key })).status === 200);
    }
    for (const operation of operations) {
      const path = pathOf(operation, ids[operation.kind]?.[0] ?? "");
      const body = operation.method === "GET" || operation.method === "DELETE" ? undefined : {};
      for (const key of [undefined, "slc_0000000000_00"]) {
        const refused = await api.call(operation.method, path, { key, body });
        assert.equal(refused.status, 401, `${operation.name}: ${refused.text}`);
        assert.match(errorOf(refused, operation.name).code, /^api_key_(missing|invalid)$/);
      }
      // Whoever may ask models may see which there are, and everybody may ask who it is.
      if (operation.kind === "models" || operation.kind === "me") continue;
      const refused = await api.call(operation.method, path, { key: by_scope[operation.scope ?? ""], body });
      assert.deepEqual([refused.status, errorOf(refused, operation.name).code], [403, "scope_missing"], operation.name);
    }
  });

  test("what is an administrator's is refused to every other key, whatever it names", async () => {
    assert.ok(admin_operations.length >= 20);
    assert.ok(admin_operations.every(({ path }) => path.startsWith("/admin/")));
    const known = [...new Set(Object.values(ids).flat())];
    for (const operation of admin_operations) {
      const { name, method, has_id } = operation;
      const body = method === "GET" ? undefined : (ADMIN_BODIES[name] ?? {});
      for (const id of has_id ? [...known, "demo", "0:0", ...ODD_IDS.slice(0, 6)] : [""]) {
        const path = pathOf(operation, id);
        for (const key of [undefined, "slc_0000000000_00"]) {
          assert.equal((await api.call(method, path, { key, body })).status, 401, `${name} ${id}`);
        }
        const refused = await Promise.all(
          [pipeline.api_key, other].map((key) => api.call(method, path, { key, body })),
        );
        for (const one of refused) {
          // An id that no path can hold is none to the router already.
          if (ODD_IDS.includes(id) && one.status !== 403) assert.ok([400, 404].includes(one.status), `${name} ${id}`);
          else assert.deepEqual([one.status, errorOf(one, name).code], [403, "scope_missing"], `${name} ${id}`);
        }
      }
    }
  });

  test("an administrator is told of what is not there, and of fields that nobody knows", async () => {
    const key = pipeline.admin_key;
    for (const operation of admin_operations.filter(({ has_id }) => has_id)) {
      const { name, method } = operation;
      const body = method === "GET" ? undefined : (ADMIN_BODIES[name] ?? {});
      for (const id of ["never-made", ids["files"]?.[0] ?? "", neverOf(ids["batches"]?.[0] ?? "")]) {
        const none = await api.call(method, pathOf(operation, id), { key, body });
        assert.equal(none.status, 404, `${name} ${id}: ${none.text}`);
        errorOf(none, name);
      }
      for (const id of ODD_IDS) {
        const what = `${name} with ${id.slice(0, 40)}`;
        const answer = await api.call(method, pathOf(operation, id), { key, body });
        assert.ok([400, 404, 405, 414, 431].includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
        errorOf(answer, what);
      }
    }
    for (const operation of admin_operations.filter((one) => one.body?.additionalProperties === false)) {
      const body = { ...ADMIN_BODIES[operation.name], no_such_field: 1 };
      const refused = await api.call(operation.method, pathOf(operation, "never-made"), { key, body });
      assert.equal(refused.status, 400, `${operation.name}: ${refused.text}`);
      // A field that is missing may be told of first.
      assert.match(refused.text, /unknown field \\"no_such_field\\"|is required/, operation.name);
    }
  });

  test("a field that nobody knows is named, wherever bodies and queries are ours", async () => {
    const bodies: Readonly<Record<string, object>> = {
      ...BODIES,
      "POST /v1/requests": { body: chat("x") },
      "POST /v1/batches": batchOf(input_file),
      "POST /v1/map-reduce": { documents: ["x"], map: { prompt: "a" }, reduce: { prompt: "b" } },
      "POST /v1/webhooks": { url: "https://example.com/x" },
    };
    const strict = operations.filter(({ body }) => body?.additionalProperties === false);
    assert.ok(strict.length >= 7);
    for (const operation of strict) {
      const body = { ...bodies[operation.name], no_such_field: 1 };
      for (const id of operation.has_id ? (ids[operation.kind] ?? []) : [""]) {
        const refused = await api.call(operation.method, pathOf(operation, id), { ...demo(), body });
        assert.equal(refused.status, 400, `${operation.name}: ${refused.text}`);
        assert.match(refused.text, /unknown field \\"no_such_field\\"/, operation.name);
      }
    }
  });

  test("ids and values with odd characters are refused, and break nothing", async () => {
    for (const operation of withId()) {
      const body = BODIES[operation.name];
      for (const id of ODD_IDS) {
        const what = `${operation.name} with ${id.slice(0, 40)}`;
        const answer = await api.call(operation.method, pathOf(operation, id), { ...demo(), body });
        assert.ok([400, 404, 405, 414, 431].includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
        errorOf(answer, what);
      }
    }
    for (const operation of operations.filter(({ method }) => method === "GET")) {
      const path = pathOf(operation, ids[operation.kind]?.[0] ?? "");
      for (const name of operation.query) {
        for (const value of ODD_VALUES) {
          const what = `${path}?${name}=${value.slice(0, 40)}`;
          const { status, text } = await api.call("GET", `${path}?${name}=${value}`, demo());
          // Only an administrator may name another tenant.
          const expected = name === "tenant" ? [200, 400, 403] : [200, 400];
          assert.ok(expected.includes(status), `${what}: ${status} ${text}`);
        }
      }
    }
    for (const input_file_id of ["\0", "a\0b", "../..", "a".repeat(5_000), "💥", ""]) {
      for (const [path, more] of [
        ["/v1/batches", { endpoint: "/v1/chat/completions", completion_window: "24h" }],
        ["/v1/map-reduce", { map: { prompt: "a" }, reduce: { prompt: "b" } }],
      ] as const) {
        const answer = await api.call("POST", path, { ...demo(), body: { input_file_id, ...more } });
        assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
        assert.equal(errorOf(answer, path).param, "input_file_id");
      }
    }
  });

  test("the same id or idempotency key of two tenants is two objects, and what was under way ends well", async () => {
    const id = open.request;
    const headers = { "idempotency-key": pipeline.id("open") };
    await api.json("POST", "/v1/requests", { key: other, body: { id, body: chat("the other's") }, headers });
    const body = batchOf(await upload(api, other));
    const batch = await api.json<View>("POST", "/v1/batches", { key: other, body, headers });
    assert.notEqual(batch.id, open.batch);
    await pipeline.processes.start("inference");
    const tenantsOf = async (key: string) => {
      const view = await until("the request has its result", async () => {
        const found = await api.json<View & { result?: { tenant: string; status: string } }>(
          "GET",
          `/v1/requests/${id}`,
          { key },
        );
        return found.result !== undefined && found.result;
      });
      return [view.tenant, view.status];
    };
    assert.deepEqual(await tenantsOf(pipeline.api_key), ["demo", "succeeded"]);
    assert.deepEqual(await tenantsOf(other), ["other", "succeeded"]);
    assert.equal((await endOf(api, pipeline.api_key, `/v1/batches/${open.batch}`)).status, "completed");
    assert.equal((await endOf(api, pipeline.api_key, `/v1/map-reduce/${open.map_reduce}`)).status, "completed");
  });
});
