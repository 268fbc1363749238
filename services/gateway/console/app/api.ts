/** Calls of the API with the key of who is signed in. */
import { type Me, session, signOut } from "./session.ts";
import { createStore } from "./store.ts";

/** A refusal or a failure, as the API says it; `status` 0 where there was no answer. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  readonly code: string;
  /** The field that is wrong. */
  readonly param: string | undefined;

  constructor(status: number, code: string, message: string, param?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

export type ApiOptions = {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Whether the last call reached the gateway; undefined before the first. */
export const reachable = createStore<boolean | undefined>(undefined);

/** @throws ApiFailure; an `AbortError` where the signal said so. */
export async function api<T>(path: string, options: ApiOptions = {}): Promise<T> {
  const reply = await call(path, options);
  if (reply.status === 204) return undefined as T;
  return (await reply.json()) as T;
}

/** The same, with the reply as it comes. */
export async function call(
  path: string,
  { method = "GET", body, signal, headers }: ApiOptions = {},
): Promise<Response> {
  const { key } = session.get();
  const reply = await send(path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (reply.ok) return reply;
  const failure = await failureOf(reply);
  // Of the key that was sent: by now somebody may have signed in with another.
  if (reply.status === 401 && session.get().key === key) signOut(key === undefined ? undefined : failure.message);
  throw failure;
}

/** Whose key it is. @throws ApiFailure for one that is none. */
export async function whoHas(key: string): Promise<Me> {
  const reply = await send("/v1/me", { headers: { authorization: `Bearer ${key}` } });
  if (!reply.ok) throw await failureOf(reply);
  return (await reply.json()) as Me;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    const reply = await fetch(path, { ...init, credentials: "omit", cache: "no-store" });
    reachable.set(true);
    return reply;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    reachable.set(false);
    throw new ApiFailure(0, "unreachable", "The gateway does not answer.");
  }
}

async function failureOf(reply: Response): Promise<ApiFailure> {
  try {
    const { error } = (await reply.json()) as { error: { code?: string; message: string; param?: string | null } };
    return new ApiFailure(reply.status, error.code ?? "error", error.message, error.param ?? undefined);
  } catch {
    return new ApiFailure(reply.status, "error", `The gateway answered ${reply.status}.`);
  }
}
