/** Reads the bodies of model calls: the fields the mock needs, checked as a provider checks them. Pure. */

import { type ApiError, badRequest } from "./errors.ts";

export type Tool = { readonly name: string; readonly parameters: unknown };

/** One message: its text parts joined, and how many images it carries. */
export type Message = { readonly role: string; readonly text: string; readonly images: number };

export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | { readonly type: "json_schema"; readonly schema: unknown };

/** Undefined: a text answer; otherwise which tool must be called, or whether the model may choose. */
export type ToolChoice = "none" | "auto" | "required" | { readonly name: string };

export type ChatRequest = {
  readonly model: string;
  readonly messages: readonly Message[];
  /** The text of the last message from the user, or empty. */
  readonly last_user_text: string;
  readonly stream: boolean;
  readonly include_usage: boolean;
  readonly max_tokens: number | undefined;
  readonly n: number;
  readonly tools: readonly Tool[];
  readonly tool_choice: ToolChoice;
  readonly response_format: ResponseFormat;
  /** Undefined: no log-probabilities; else how many alternatives for each token. */
  readonly top_logprobs: number | undefined;
  readonly stop: readonly string[];
  /** Tools and response schema as JSON: they cost prompt tokens. */
  readonly extra_prompt: string;
};

export type EmbeddingsRequest = {
  readonly model: string;
  /** Each input as text; token arrays become one word a token. */
  readonly inputs: readonly string[];
  /** Prompt tokens of all inputs; a token array costs its length. */
  readonly prompt_tokens: number;
  readonly dimensions: number | undefined;
  readonly encoding_format: "float" | "base64";
};

export type Parsed<T> = { readonly ok: true; readonly request: T } | { readonly ok: false; readonly error: ApiError };

type Json = Readonly<Record<string, unknown>>;

const ROLES: ReadonlySet<unknown> = new Set(["system", "developer", "user", "assistant", "tool", "function"]);
const CHOICES_MAX = 16;
const TOOLS_MAX = 128;
const STOPS_MAX = 4;
const OUTPUT_TOKENS_MAX = 1_000_000;

/** A value as a JSON object, or undefined. */
export function asObject(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** Reads a chat completion request. */
export function parseChat(body: Json): Parsed<ChatRequest> {
  const error =
    checkModel(body) ??
    checkMessages(body["messages"]) ??
    checkNumber(body, "max_tokens", 1, OUTPUT_TOKENS_MAX, true) ??
    checkNumber(body, "max_completion_tokens", 1, OUTPUT_TOKENS_MAX, true) ??
    checkNumber(body, "n", 1, CHOICES_MAX, true) ??
    checkNumber(body, "temperature", 0, 2) ??
    checkNumber(body, "top_p", 0, 1) ??
    checkNumber(body, "top_logprobs", 0, 20, true) ??
    checkBoolean(body, "stream") ??
    checkBoolean(body, "logprobs") ??
    checkLogprobs(body) ??
    checkStop(body["stop"]) ??
    checkTools(body) ??
    checkResponseFormat(body["response_format"]);
  if (error !== undefined) return { ok: false, error };
  const messages = (body["messages"] as Json[]).map(readMessage);
  const tools = ((body["tools"] as Json[] | undefined) ?? []).map(readTool);
  const schema = asObject(body["response_format"])?.["json_schema"];
  const stop = body["stop"] ?? [];
  return {
    ok: true,
    request: {
      model: body["model"] as string,
      messages,
      last_user_text: messages.findLast((message) => message.role === "user")?.text ?? "",
      stream: body["stream"] === true,
      include_usage: asObject(body["stream_options"])?.["include_usage"] === true,
      max_tokens: (body["max_completion_tokens"] ?? body["max_tokens"] ?? undefined) as number | undefined,
      n: (body["n"] ?? 1) as number,
      tools,
      tool_choice: readToolChoice(body["tool_choice"], tools),
      response_format: readResponseFormat(body["response_format"]),
      top_logprobs: body["logprobs"] === true ? ((body["top_logprobs"] ?? 0) as number) : undefined,
      stop: (typeof stop === "string" ? [stop] : (stop as string[])).filter((text) => text !== ""),
      extra_prompt:
        (tools.length > 0 ? JSON.stringify(body["tools"]) : "") + (schema === undefined ? "" : JSON.stringify(schema)),
    },
  };
}

/** A required `model` that names one. */
export function checkModel(body: Json): ApiError | undefined {
  const model = body["model"];
  if (typeof model === "string" && model !== "" && model.length <= 256) return undefined;
  return badRequest("You must provide a model parameter.", "model", "missing_required_parameter");
}

/** An optional number within limits. */
export function checkNumber(body: Json, name: string, min: number, max: number, whole = false): ApiError | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "number" && value >= min && value <= max && (!whole || Number.isInteger(value)))
    return undefined;
  const kind = whole ? "an integer" : "a number";
  return badRequest(`Invalid '${name}': expected ${kind} from ${min} to ${max}.`, name, "invalid_value");
}

function checkBoolean(body: Json, name: string): ApiError | undefined {
  const value = body[name] ?? false;
  return typeof value === "boolean" ? undefined : badRequest(`Invalid '${name}': expected a boolean.`, name);
}

function checkMessages(messages: unknown): ApiError | undefined {
  if (messages === undefined) {
    return badRequest("Missing required parameter: 'messages'.", "messages", "missing_required_parameter");
  }
  if (!Array.isArray(messages)) return badRequest("Invalid 'messages': expected an array.", "messages", "invalid_type");
  if (messages.length === 0) return badRequest("Invalid 'messages': empty array.", "messages", "empty_array");
  for (const [at, value] of messages.entries()) {
    const message = asObject(value);
    const param = `messages[${at}]`;
    if (message === undefined) return badRequest(`Invalid '${param}': expected an object.`, param, "invalid_type");
    if (!ROLES.has(message["role"])) {
      return badRequest(`Invalid value for '${param}.role'.`, `${param}.role`, "invalid_value");
    }
    if (!isContent(message)) {
      return badRequest(`Invalid type for '${param}.content'.`, `${param}.content`, "invalid_type");
    }
  }
  return undefined;
}

function isContent(message: Json): boolean {
  const content = message["content"];
  if (typeof content === "string") return true;
  if (content === null || content === undefined) return message["role"] === "assistant";
  return Array.isArray(content) && content.every((part) => typeof asObject(part)?.["type"] === "string");
}

function readMessage(message: Json): Message {
  const role = message["role"] as string;
  const content = message["content"];
  const calls = message["tool_calls"] === undefined ? "" : JSON.stringify(message["tool_calls"]);
  if (typeof content === "string") return { role, text: content + calls, images: 0 };
  const parts = (content ?? []) as Json[];
  const texts = parts.map((part) => part["text"] ?? part["refusal"]).filter((text) => typeof text === "string");
  return { role, text: texts.join("\n") + calls, images: parts.filter((part) => part["type"] === "image_url").length };
}

function checkLogprobs(body: Json): ApiError | undefined {
  if (typeof body["top_logprobs"] !== "number" || body["logprobs"] === true) return undefined;
  return badRequest("'logprobs' must be true when 'top_logprobs' is given.", "top_logprobs");
}

function checkStop(stop: unknown): ApiError | undefined {
  if (stop === undefined || stop === null || typeof stop === "string") return undefined;
  if (Array.isArray(stop) && stop.length <= STOPS_MAX && stop.every((text) => typeof text === "string")) {
    return undefined;
  }
  return badRequest(`Invalid 'stop': expected a string or up to ${STOPS_MAX} strings.`, "stop", "invalid_type");
}

function checkTools(body: Json): ApiError | undefined {
  const tools = body["tools"];
  if (tools === undefined) return undefined;
  if (!Array.isArray(tools) || tools.length > TOOLS_MAX) {
    return badRequest(`Invalid 'tools': expected an array of up to ${TOOLS_MAX}.`, "tools", "invalid_type");
  }
  for (const [at, tool] of tools.entries()) {
    if (typeof asObject(asObject(tool)?.["function"])?.["name"] !== "string") {
      return badRequest(`Missing required parameter: 'tools[${at}].function.name'.`, `tools[${at}].function.name`);
    }
  }
  const named = asObject(asObject(body["tool_choice"])?.["function"])?.["name"];
  if (named === undefined || tools.some((tool) => readTool(tool as Json).name === named)) return undefined;
  return badRequest(`Tool choice '${String(named)}' is not among 'tools'.`, "tool_choice");
}

function readTool(tool: Json): Tool {
  const described = asObject(tool["function"]);
  return { name: String(described?.["name"]), parameters: described?.["parameters"] ?? {} };
}

function readToolChoice(choice: unknown, tools: readonly Tool[]): ToolChoice {
  if (tools.length === 0 || choice === "none") return "none";
  if (choice === "required") return "required";
  const named = asObject(asObject(choice)?.["function"])?.["name"];
  return typeof named === "string" ? { name: named } : "auto";
}

function checkResponseFormat(format: unknown): ApiError | undefined {
  if (format === undefined || format === null) return undefined;
  const type = asObject(format)?.["type"];
  if (type === "text" || type === "json_object") return undefined;
  const schema = asObject(asObject(format)?.["json_schema"]);
  if (type === "json_schema" && typeof schema?.["name"] === "string") return undefined;
  return badRequest("Invalid 'response_format'.", "response_format", "invalid_value");
}

function readResponseFormat(format: unknown): ResponseFormat {
  const type = asObject(format)?.["type"];
  if (type === "json_object") return { type };
  if (type !== "json_schema") return { type: "text" };
  return { type, schema: asObject(asObject(format)?.["json_schema"])?.["schema"] ?? {} };
}
