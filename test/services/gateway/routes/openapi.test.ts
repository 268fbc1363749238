/** /openapi.json: every route is in it, it is sound, and nothing of the inside is. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import Fastify from "fastify";
import { filesSchema, gatewaySchema, jobsSchema, webhooksSchema } from "../../../../libs/shared/config/gateway.ts";
import type { RouteDoc, Routes } from "../../../../services/gateway/route.ts";
import { addOpenApi } from "../../../../services/gateway/routes/openapi.ts";

const FOLDERS = ["routes", "admin"].map((name) => new URL(`../../../../services/gateway/${name}/`, import.meta.url));

type Operation = {
  readonly summary?: string;
  readonly tags?: string[];
  readonly security?: Record<string, string[]>[];
  readonly parameters?: {
    readonly name: string;
    readonly in: string;
    readonly schema?: object;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { schema: object }> }
  >;
};
type Document = {
  readonly openapi: string;
  readonly servers: { url: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
};

/** Bounds of settings stand in schemas. */
const SETTINGS = {
  ...gatewaySchema.parse({}),
  ...filesSchema.parse({}),
  ...webhooksSchema.parse({}),
  ...jobsSchema.parse({}),
};

/** Whatever else a route's factory asks of its dependencies before a call. */
const ANYTHING: never = new Proxy(() => undefined, {
  get: (_target, name) => (name === "settings" ? SETTINGS : name === Symbol.toPrimitive ? () => 1 : ANYTHING),
  apply: () => ANYTHING,
  construct: () => ANYTHING as object,
}) as never;

/** Modules of the folders export their routes. */
async function allRoutes(): Promise<Routes[]> {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".ts"))
      .map((name) => new URL(name, folder)),
  );
  const modules = await Promise.all(files.map((file) => import(file.href)));
  return modules.flatMap((module) =>
    Object.entries(module as Record<string, unknown>)
      .filter(([name]) => name.endsWith("Routes"))
      .map(([, make]) => (make as (deps: unknown) => Routes)(ANYTHING)),
  );
}

describe("the document of the API", () => {
  const declared: { readonly method: string; readonly url: string; readonly doc: RouteDoc | undefined }[] = [];
  let text = "";
  let document: Document;

  before(async () => {
    const app = Fastify();
    app.addHook("onRoute", ({ url, method, config }) => {
      for (const one of [method].flat()) declared.push({ method: one, url, doc: config?.doc });
    });
    addOpenApi(app, await allRoutes());
    const reply = await app.inject({ url: "/openapi.json" });
    assert.equal(reply.statusCode, 200);
    text = reply.body;
    document = JSON.parse(text) as Document;
    await app.close();
  });

  const operations = (): [string, Operation][] =>
    Object.entries(document.paths).flatMap(([url, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [
        `${method.toUpperCase()} ${url}`,
        operation,
      ]),
    );

  test("has every route, each said in a line and under a chapter", () => {
    const ours = declared.filter(({ method, url }) => method !== "HEAD" && url !== "/openapi.json");
    assert.ok(ours.length >= 8);
    const bare = ours.filter(({ doc }) => doc === undefined).map(({ method, url }) => `${method} ${url}`);
    assert.deepEqual(bare, [], "wrap its options in documented({…})");
    assert.equal(operations().length, ours.length);
    for (const [name, { summary, tags, responses }] of operations()) {
      assert.ok(summary !== undefined && summary.length > 0 && tags?.length === 1, name);
      assert.ok(
        Object.keys(responses).some((status) => /^2\d\d$/.test(status)),
        `${name} has no success`,
      );
      assert.match(JSON.stringify(responses["default"]), /#\/components\/schemas\/Error/, name);
    }
  });

  test("is sound: every reference has its end, every parameter of a path is declared", () => {
    assert.equal(document.openapi, "3.1.0");
    for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const end = (path as string)
        .split("/")
        .reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], document);
      assert.notEqual(end, undefined, path);
    }
    for (const [name, { parameters = [], requestBody }] of operations()) {
      const in_path = [...name.matchAll(/\{(\w+)\}/g)].map(([, one]) => one);
      const declared_in_path = parameters.filter((one) => one.in === "path").map((one) => one.name);
      assert.deepEqual(declared_in_path.sort(), in_path.sort(), name);
      assert.ok(
        parameters.every(({ schema }) => schema !== undefined),
        name,
      );
      assert.doesNotMatch(name, /[:*]/);
      for (const { schema } of Object.values(requestBody?.content ?? {})) assert.equal(typeof schema, "object", name);
    }
  });

  test("says where a key is needed", () => {
    assert.deepEqual(Object.keys(document.components.securitySchemes), ["bearer"]);
    for (const [name, { security }] of operations()) assert.deepEqual(security, [{ bearer: [] }], name);
  });

  test("shows what is sent for a chat, and its headers", () => {
    const chat = document.paths["/v1/chat/completions"]?.["post"];
    const schema = chat?.requestBody?.content["application/json"]?.schema as { required: string[]; properties: object };
    assert.deepEqual(schema.required, ["messages"]);
    assert.ok("max_completion_tokens" in schema.properties);
    const headers = chat?.parameters?.map(({ name, in: where }) => `${where} ${name}`);
    assert.deepEqual(headers, ["header idempotency-key", "header x-sluice-on-disconnect"]);
  });

  test("says nothing of the inside, but to administrators", () => {
    const paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => !path.startsWith("/admin/")));
    const open = JSON.stringify({ ...document, paths });
    assert.doesNotMatch(open, /kafka|redis|postgres|sluice_|llm\.|fastify|services\/|\.ts\b/i);
  });

  test("has the routes that stand on the page of the HTTP API, with their scopes", () => {
    const page = readFileSync(new URL("../../../../docs/http-api.md", import.meta.url), "utf8");
    const rows = (page.match(/^\| .*$/gm) ?? []).map((line) => line.split(" | "));
    // The page names what stands in a path: <name>, <partition>:<offset>.
    const named = (route: string): string => route.replace(/<[^>]+>(:<[^>]+>)?/g, "<id>");
    const shown = rows.flatMap(([routes = "", , scope = ""]) =>
      [...routes.matchAll(/`([A-Z]+ \/(?:v1|admin)\/[^`]+)`/g)].map(
        ([, route = ""]) => `${named(route)} ${scope.replace(" |", "")}`,
      ),
    );
    const there = declared.flatMap(({ method, url, doc }) => {
      if (doc?.scope === undefined || method === "HEAD") return [];
      const path = url.replace(/:\w+|\*/g, "<id>");
      // Whoever may ask models, or look at answers, may see which there are.
      return [`${method} ${path} ${doc.tag === "Models" ? "either" : doc.scope}`];
    });
    assert.deepEqual(shown.toSorted(), there.toSorted());
  });
});
