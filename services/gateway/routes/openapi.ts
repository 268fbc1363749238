/** `GET /openapi.json`: what the routes say of themselves (`documented`), as OpenAPI 3.1. Needs no key. */
import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { z } from "zod";
import type { RouteDoc, Routes } from "../route.ts";

/** Every failure of every route. */
const errorSchema = z.object({
  error: z.object({
    message: z.string().describe("What is wrong, and what to do, for a person."),
    type: z.string().describe("OpenAI's kind of error, such as invalid_request_error."),
    param: z.string().nullable().describe("The field that is wrong."),
    code: z.string().describe("Stable: scripts may match on it."),
  }),
});

const BEARER = "bearer";
const ERROR_REF = { $ref: "#/components/schemas/Error" };

/** Adds the routes and the document that describes them; what is added later is not in it. */
export function addOpenApi(app: FastifyInstance, routes: readonly Routes[]): void {
  app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Sluice",
        version: "1",
        description:
          "OpenAI's API on a durable, budgeted and cached pipeline, and what is beside it. Point an OpenAI client's base_url at `/v1`.",
      },
      servers: [{ url: "/", description: "This gateway" }],
      components: {
        securitySchemes: { [BEARER]: { type: "http", scheme: "bearer", description: "A key such as slc_…" } },
        schemas: { Error: jsonSchema(errorSchema) },
      },
    },
    transform: ({ schema, url, route }) => {
      const doc = route.config?.doc;
      return {
        schema: doc === undefined ? { ...schema, hide: true } : describedBy(doc),
        url: url.replace(/\*$/, ":name"),
      };
    },
    transformObject(document) {
      if (!("openapiObject" in document)) return document.swaggerObject;
      addErrors(document.openapiObject.paths ?? {});
      return document.openapiObject;
    },
  });
  // The plugin sees those that are added after it.
  app.after(() => {
    for (const add of routes) add(app);
    app.get("/openapi.json", async (_request, reply) => {
      // A page elsewhere may show it: there is nothing in it that is anybody's.
      return reply.header("access-control-allow-origin", "*").send(app.swagger());
    });
  });
}

function describedBy(doc: RouteDoc): FastifySchema {
  const { summary, tag, scope, query, headers, body, body_type, replies } = doc;
  return {
    summary,
    tags: [tag],
    ...(scope === undefined ? {} : { description: neededOf(scope) }),
    security: scope === undefined ? [] : [{ [BEARER]: [] }],
    ...(query === undefined ? {} : { querystring: jsonSchema(query) }),
    ...(headers === undefined ? {} : { headers: jsonSchema(headers) }),
    ...(body === undefined ? {} : { body: jsonSchema(body), consumes: [body_type ?? "application/json"] }),
    response: Object.fromEntries(
      Object.entries(replies).map(([status, { what, json, type }]) => [
        status,
        {
          description: what,
          content: { [type ?? "application/json"]: { schema: json === undefined ? {} : jsonSchema(json) } },
        },
      ]),
    ),
  };
}

function neededOf(scope: NonNullable<RouteDoc["scope"]>): string {
  return scope === "any" ? "Needs a key." : `Needs a key with the scope "${scope}".`;
}

/** As a caller may send it. What JSON Schema cannot say is left open: the routes check it. */
function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return json;
}

/** Every operation may fail, in one shape. */
function addErrors(paths: Readonly<Record<string, unknown>>): void {
  const failing = { description: "What went wrong", content: { "application/json": { schema: ERROR_REF } } };
  for (const methods of Object.values(paths)) {
    for (const operation of Object.values(methods as Record<string, { responses?: Record<string, unknown> }>)) {
      operation.responses = { ...operation.responses, default: failing };
    }
  }
}
