/** What of an answer is not good enough, so that a stronger tier is asked. Pure. */
import type { EscalationSettings } from "../../libs/shared/config/routing.ts";
import { misfit } from "./fits-schema.ts";
import { refusalIn } from "./refusals.ts";

export type WeaknessKind = EscalationSettings["on"][number];

export type Weakness = {
  readonly why: WeaknessKind;
  /** For people: what was seen. */
  readonly detail: string;
};

type Fields = Readonly<Record<string, unknown>>;

/** Providers write a very low number for "all but impossible": one such token is not to outweigh all others. */
const LOGPROB_LEAST = -20;

/** The surest sign first; log-probabilities say the least. */
const ORDER: readonly WeaknessKind[] = ["refusal", "cut_off", "invalid_output", "low_confidence"];

/**
 * Of several choices, each must have the flaw: whoever asks for several picks one.
 * @param response the provider's, in OpenAI's shape. @param body the request's own.
 */
export function weakness(
  response: Fields,
  body: Fields,
  { on, mean_logprob_min }: Pick<EscalationSettings, "on" | "mean_logprob_min">,
): Weakness | undefined {
  const choices = (Array.isArray(response["choices"]) ? response["choices"] : []).filter(isObject);
  if (choices.length === 0) return undefined;
  const flaws: Readonly<Record<WeaknessKind, (choice: Fields) => string | undefined>> = {
    refusal: refused,
    cut_off: (choice) => cutOff(choice, body),
    invalid_output: (choice) => invalid(choice, body),
    low_confidence: (choice) => unsure(choice, mean_logprob_min),
  };
  for (const why of ORDER) {
    if (!on.includes(why)) continue;
    const found = choices.map(flaws[why]);
    const detail = found[0];
    if (detail !== undefined && found.every((one) => one !== undefined)) return { why, detail };
  }
  return undefined;
}

function refused(choice: Fields): string | undefined {
  const message = messageOf(choice);
  const own = message["refusal"];
  if (typeof own === "string" && own !== "") return "the model refuses";
  const beginning = refusalIn(textOf(message));
  return beginning === undefined ? undefined : `it begins "${beginning}"`;
}

/** A limit that the request set itself would cut the next answer too. */
function cutOff({ finish_reason }: Fields, body: Fields): string | undefined {
  if (finish_reason !== "length") return undefined;
  const own = ["max_tokens", "max_completion_tokens"].some((name) => typeof body[name] === "number");
  return own ? undefined : "it ends at the model's own limit";
}

function invalid(choice: Fields, body: Fields): string | undefined {
  // Cut off, it cannot be whole: that is `cut_off`, or the request's own limit.
  if (choice["finish_reason"] === "length") return undefined;
  const message = messageOf(choice);
  const calls = message["tool_calls"];
  if (Array.isArray(calls) && calls.length > 0) return toolCallProblem(calls, body);
  const format = body["response_format"];
  const type = isObject(format) ? format["type"] : undefined;
  if (type !== "json_object" && type !== "json_schema") return undefined;
  const value = parsed(textOf(message));
  if (value === undefined) return "it is not JSON";
  if (type === "json_object") return isObject(value) ? undefined : "it is not a JSON object";
  const schema = isObject(format) && isObject(format["json_schema"]) ? format["json_schema"]["schema"] : undefined;
  return misfit(value, schema);
}

function toolCallProblem(calls: readonly unknown[], { tools }: Fields): string | undefined {
  const names = new Set(
    (Array.isArray(tools) ? tools : []).map((tool) =>
      isObject(tool) && isObject(tool["function"]) ? tool["function"]["name"] : undefined,
    ),
  );
  for (const call of calls) {
    const called = isObject(call) && isObject(call["function"]) ? call["function"] : undefined;
    // Tools of another kind than functions are the provider's own affair.
    if (called === undefined) continue;
    if (!names.has(called["name"])) return `it calls a tool that is not there: ${String(called["name"]).slice(0, 64)}`;
    if (!isObject(parsed(String(called["arguments"] || "{}")))) return "a tool's arguments are not a JSON object";
  }
  return undefined;
}

function unsure({ logprobs }: Fields, mean_min: number): string | undefined {
  const mean = meanLogprob(isObject(logprobs) ? logprobs["content"] : undefined);
  if (mean === undefined || mean >= mean_min) return undefined;
  return `mean log-probability ${mean.toFixed(2)}, below ${mean_min}`;
}

/** Of a choice's `logprobs.content`; undefined where there are none. */
function meanLogprob(tokens: unknown): number | undefined {
  if (!Array.isArray(tokens) || tokens.length === 0) return undefined;
  let sum = 0;
  for (const token of tokens) {
    const logprob = isObject(token) ? token["logprob"] : undefined;
    if (typeof logprob !== "number" || Number.isNaN(logprob)) return undefined;
    sum += Math.max(LOGPROB_LEAST, logprob);
  }
  return sum / tokens.length;
}

function messageOf({ message }: Fields): Fields {
  return isObject(message) ? message : {};
}

function textOf({ content }: Fields): string {
  return typeof content === "string" ? content : "";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
