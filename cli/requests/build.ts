/** From a line of input and the flags to a request that will pass ingest's check, or to a reason why not. Pure. */
import { chatBody, embeddingsBody, type Request, requestEnvelope } from "../../libs/shared/events/request.ts";
import { firstProblem } from "../../libs/shared/events/validation.ts";

/** What the flags say: it fills in what a line leaves open. What a line says itself stands. */
export type Defaults = {
  readonly tenant: string;
  readonly model?: string;
  readonly tier?: string;
  /** Put before the messages of a chat that has no system message. */
  readonly system?: string;
  readonly session?: string;
  readonly id?: string;
  readonly lane?: "interactive" | "batch";
  /** RFC 3339. */
  readonly deadline?: string;
  readonly max_output_tokens?: number;
  readonly metadata?: Readonly<Record<string, string>>;
};

export type IdentifiedRequest = Request & { readonly id: string };

/** A request with its id. */
export type Built =
  | { readonly ok: true; readonly request: IdentifiedRequest }
  | { readonly ok: false; readonly reason: string };

type Json = Record<string, unknown>;

/**
 * Reads one line: a whole Request (it has `body`), a bare OpenAI body (`messages` or `input`), `{"prompt": "..."}` with any of a
 * Request's fields beside it, or else plain text, which is the prompt.
 */
export function buildRequest(line: string, defaults: Defaults, newId: () => string): Built {
  const text = line.trim();
  if (!text.startsWith("{"))
    return text === "" ? { ok: false, reason: "the line is empty" } : fromPrompt(text, {}, defaults, newId);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // What begins like a request and is none was hardly meant as a prompt.
    return { ok: false, reason: `not JSON: ${(error as Error).message}` };
  }
  return fromJson(json as Json, defaults, newId);
}

/** A request for one prompt, as given on the command line: never read as JSON. */
export function buildPrompt(prompt: string, defaults: Defaults, newId: () => string): Built {
  return prompt.trim() === "" ? { ok: false, reason: "the prompt is empty" } : fromPrompt(prompt, {}, defaults, newId);
}

function fromJson(json: Json, defaults: Defaults, newId: () => string): Built {
  if ("body" in json) return check(json, defaults, newId);
  if ("messages" in json || "input" in json) return check({ body: json }, defaults, newId);
  if (!("prompt" in json)) {
    return { ok: false, reason: 'needs "body" (a Request), "messages" or "input" (an OpenAI body), or "prompt"' };
  }
  const { prompt, ...fields } = json;
  if (typeof prompt !== "string" || prompt.trim() === "") return { ok: false, reason: "prompt: must be text" };
  return fromPrompt(prompt, fields, defaults, newId);
}

function fromPrompt(prompt: string, fields: Json, defaults: Defaults, newId: () => string): Built {
  const { model, system, ...envelope } = fields;
  const messages = [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    { role: "user", content: prompt },
  ];
  return check({ ...envelope, body: { ...(model === undefined ? {} : { model }), messages } }, defaults, newId);
}

function check(json: Json, defaults: Defaults, newId: () => string): Built {
  const envelope = requestEnvelope.safeParse(fillIn(json, defaults, newId));
  if (!envelope.success) return { ok: false, reason: firstProblem(envelope.error).message };
  const body = fillInBody(envelope.data.body, defaults);
  const chat = "messages" in body;
  if (chat === "input" in body) return { ok: false, reason: 'body: must hold either "messages" or "input"' };
  const parsed = (chat ? chatBody : embeddingsBody).safeParse(body);
  if (!parsed.success) return { ok: false, reason: firstProblem(parsed.error, "body").message };
  const request = { ...envelope.data, id: envelope.data.id as string, body: parsed.data };
  return { ok: true, request: request as IdentifiedRequest };
}

function fillIn(json: Json, defaults: Defaults, newId: () => string): Json {
  const { tenant, tier, session, lane, deadline, metadata, max_output_tokens } = defaults;
  const filled: Json = {
    ...defined({ tenant, tier, session, lane, deadline }),
    ...json,
    id: json["id"] ?? defaults.id ?? newId(),
  };
  if (metadata !== undefined) filled["metadata"] = { ...metadata, ...(json["metadata"] as object | undefined) };
  if (max_output_tokens !== undefined) {
    filled["limits"] = { max_output_tokens, ...(json["limits"] as object | undefined) };
  }
  return filled;
}

function fillInBody(body: Json, { model, system }: Defaults): Json {
  const filled = { ...defined({ model }), ...body };
  const messages = filled["messages"];
  if (system === undefined || !Array.isArray(messages)) return filled;
  if (messages.some((message) => ["system", "developer"].includes((message as Json | null)?.["role"] as string))) {
    return filled;
  }
  return { ...filled, messages: [{ role: "system", content: system }, ...messages] };
}

function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
