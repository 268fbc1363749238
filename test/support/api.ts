/** The gateway's own word on its routes, and calls that go out exactly as they are written. */
import assert from "node:assert/strict";
import { Pool } from "undici";

type Named = { readonly name: string; readonly in: string };
type JsonSchema = {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: unknown;
};
type Described = {
  readonly description?: string;
  readonly parameters?: readonly Named[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
};

/** One documented operation. */
export type Operation = {
  /** `GET /v1/files/{id}` */
  readonly name: string;
  readonly method: string;
  /** With `{id}` where one stands. */
  readonly path: string;
  /** The first step of the path: `files`. */
  readonly kind: string;
  readonly has_id: boolean;
  readonly scope: string | undefined;
  readonly query: readonly string[];
  readonly body: JsonSchema | undefined;
  readonly is_stream: boolean;
};

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
};
export type Call = {
  readonly key?: string | undefined;
  /** An object becomes JSON. */
  readonly body?: object | string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What differs between two calls of the same kind. */
const OWN_HEADERS = ["date", "x-request-id", "content-length"];

export class Api {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: 8, headersTimeout: 30_000, bodyTimeout: 30_000 });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  /** @param path goes out as it is: nothing is resolved, nothing escaped. */
  async call(method: string, path: string, { key, body, headers = {} }: Call = {}): Promise<Answer> {
    const is_json = typeof body === "object";
    const reply = await this.#pool.request({
      method,
      path,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(is_json ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: is_json ? JSON.stringify(body) : body }),
    });
    return { status: reply.statusCode, headers: reply.headers, text: await reply.body.text() };
  }

  /** The JSON of an answer that is no failure. */
  async json<T = Record<string, unknown>>(method: string, path: string, call: Call): Promise<T> {
    const answer = await this.call(method, path, call);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as T;
  }

  async operations(): Promise<readonly Operation[]> {
    const { paths } = await this.json<{ paths: Record<string, Record<string, Described>> }>("GET", "/openapi.json", {});
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => operationOf(method.toUpperCase(), path, described)),
    );
  }
}

function operationOf(method: string, path: string, described: Described): Operation {
  const { description = "", parameters = [], requestBody, responses } = described;
  const types = Object.values(responses).flatMap(({ content = {} }) => Object.keys(content));
  return {
    ...{ name: `${method} ${path}`, method, path, kind: path.split("/")[2] ?? "" },
    has_id: path.includes("{"),
    scope: /scope "(\w+)"/.exec(description)?.[1],
    query: parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name),
    body: requestBody?.content["application/json"]?.schema,
    is_stream: types.includes("text/event-stream"),
  };
}

/** The path of an operation on one object. */
export function pathOf({ path }: Pick<Operation, "path">, id: string): string {
  return path.replace(/\{\w+\}/, id);
}

/** An answer without what no two calls share, and with its id made nameless: equal for two objects that cannot be told apart. */
export function withoutId({ status, headers, text }: Answer, id: string): unknown {
  const kept = Object.entries(headers).filter(([name]) => !OWN_HEADERS.includes(name));
  return { status, headers: Object.fromEntries(kept), text: text.replaceAll(id, "<id>") };
}

/** The code and parameter of a failure in OpenAI's shape; fails where it has another. */
export function errorOf(
  { status, text }: Answer,
  what: string,
): { readonly code: string; readonly param: string | null } {
  const { error } = JSON.parse(text) as { error?: Record<string, unknown> };
  assert.deepEqual(
    Object.keys(error ?? {}).toSorted(),
    ["code", "message", "param", "type"],
    `${what}: ${status} ${text}`,
  );
  return error as { code: string; param: string | null };
}
