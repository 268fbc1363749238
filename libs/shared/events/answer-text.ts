/** The text of a chat completion, for comparing answers and for going on with them. Pure. */
import { canonicalJson } from "../canonical.ts";
import { parseJson } from "./json.ts";

/** What is longer is shortened, where nothing else is said. */
export const ANSWER_CHARS_MAX = 16_384;

type Call = { readonly function?: { readonly name?: unknown; readonly arguments?: unknown } };
type Completion = {
  readonly choices?: readonly { readonly message?: { readonly content?: unknown; readonly tool_calls?: unknown } }[];
};

/**
 * The first choice's words; where it calls tools, what is called, in one spelling. @returns undefined for what is no answer.
 * @param response a parsed body.
 */
export function answerText(response: unknown, chars_max: number = ANSWER_CHARS_MAX): string | undefined {
  const message = (response as Completion | null | undefined)?.choices?.[0]?.message;
  if (typeof message !== "object" || message === null) return undefined;
  const { content, tool_calls } = message;
  const calls = Array.isArray(tool_calls) ? tool_calls.map((call) => callText(call as Call)) : [];
  const said = typeof content === "string" ? [content] : [];
  const lines = [...said, ...calls];
  return lines.length === 0 ? undefined : shortened(lines.join("\n"), chars_max);
}

/** `get_weather({"city":"Oslo"})`, whatever the spelling of the arguments. */
function callText({ function: called }: Call): string {
  const { name, arguments: text } = called ?? {};
  const parsed = typeof text === "string" ? parseJson(Buffer.from(text)) : undefined;
  return `${String(name)}(${parsed === undefined ? String(text) : canonicalJson(parsed)})`;
}

function shortened(text: string, chars_max: number): string {
  if (text.length <= chars_max) return text;
  // Not in the middle of a pair of surrogates.
  const last = text.charCodeAt(chars_max - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? chars_max - 1 : chars_max);
}
