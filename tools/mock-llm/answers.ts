/** What the mock says: short plausible text that restates a bit of the prompt, from a seed and nothing else. Pure. */

import { withoutDirective } from "./controls.ts";
import { pick, type Random, seededRandom, seedFrom } from "./hash.ts";
import { minimalValue } from "./json-schema.ts";
import type { ChatRequest, Tool } from "./requests.ts";
import { countTokens, firstTokens, TOKEN_CHARS } from "./tokens.ts";

export type FinishReason = "stop" | "length" | "tool_calls";

/** One choice of an answer. `text` is what was said, or the arguments of `tool`. */
export type Answer = {
  readonly text: string;
  readonly finish_reason: FinishReason;
  /** The tool that is called, or undefined for a text. */
  readonly tool: string | undefined;
  readonly tokens: number;
};

export type AnswerInput = {
  readonly request: ChatRequest;
  /** The hash of the request: the same request gets the same answer. */
  readonly key: string;
  readonly seed: number;
  /** The exact length asked for, if any. */
  readonly tokens: number | undefined;
  /** What was recorded for this prompt and model, if anything. */
  readonly recorded: string | undefined;
};

const SNIPPET_WORDS = 9;
const SNIPPET_CHARS_MAX = 90;
const LENGTH_TOKENS_MIN = 28;
const LENGTH_TOKENS_SPREAD = 36;

const OPENINGS = [
  'On "{snippet}":',
  'About "{snippet}", in short:',
  'You asked "{snippet}".',
  'To "{snippet}" the answer is this:',
] as const;

const SENTENCES = [
  "It comes down to {topic}, which is simpler than it looks.",
  "Start with {topic} and check the result before going on.",
  "Most people find that {topic} matters more than anything else here.",
  "There are two ways to do it, and the first is usually enough.",
  "If that does not help, look at {topic} once more and compare.",
  "The usual mistake is to leave out {topic} at the start.",
  "A small example makes it clear: take one case and follow it to the end.",
  "Keep {topic} in mind, because the rest depends on it.",
  "In practice this takes a few minutes and needs no special tools.",
  "The short version is that {topic} comes first and details follow.",
  "When in doubt, prefer the option that can be undone.",
  "That holds for {topic} as well as for similar questions.",
] as const;

const NO_TOPIC = "the question";

/** All choices of an answer. */
export function answer(input: AnswerInput): Answer[] {
  return Array.from({ length: input.request.n }, (_, choice) => answerChoice(input, choice));
}

function answerChoice(input: AnswerInput, choice: number): Answer {
  const { request } = input;
  const random = seededRandom(seedFrom(`${input.key}#${choice}`, input.seed));
  const prompt = withoutDirective(request.last_user_text);
  if (input.recorded !== undefined) return finish(input.recorded, request, undefined);
  const tool = chooseTool(request, prompt);
  if (tool !== undefined) {
    return finish(JSON.stringify(minimalValue(tool.parameters, snippetOf(prompt))), request, tool.name);
  }
  return finish(formatText(input, prompt, random), request, undefined);
}

function formatText(input: AnswerInput, prompt: string, random: Random): string {
  const { model, response_format } = input.request;
  if (response_format.type === "json_schema") {
    return JSON.stringify(minimalValue(response_format.schema, `${model}: ${snippetOf(prompt)}`));
  }
  const text = compose(model, prompt, input.tokens, random);
  return response_format.type === "json_object" ? JSON.stringify({ model, answer: text }) : text;
}

/** Whole sentences, or exactly `tokens` tokens when that is asked for. */
export function compose(model: string, prompt: string, tokens: number | undefined, random: Random): string {
  const target_chars = (tokens ?? LENGTH_TOKENS_MIN + random() * LENGTH_TOKENS_SPREAD) * TOKEN_CHARS;
  const topics = topicsOf(prompt);
  let text = `[${model}] ${pick(OPENINGS, random).replace("{snippet}", () => snippetOf(prompt))}`;
  while (text.length < target_chars) {
    const topic = topics[Math.floor(random() * topics.length)] ?? NO_TOPIC;
    text += ` ${pick(SENTENCES, random).replace("{topic}", () => topic)}`;
  }
  return tokens === undefined ? text : firstTokens(text, tokens);
}

/** The first words of a prompt, on one line. */
function snippetOf(prompt: string): string {
  const words = prompt.slice(0, 400).trim().split(/\s+/).slice(0, SNIPPET_WORDS).join(" ");
  return (
    words
      .slice(0, SNIPPET_CHARS_MAX)
      .toWellFormed()
      .replace(/[?.!,:;]+$/, "") || NO_TOPIC
  );
}

/** Words worth repeating: long ones out of the start of the prompt. */
function topicsOf(prompt: string): string[] {
  return [...new Set(prompt.slice(0, 400).match(/\p{L}{5,24}/gu) ?? [])].slice(0, 8);
}

/**
 * The tool to call: the one demanded, else one whose name shares a word with the prompt, else the first. With `auto`,
 * an answer to a tool's result is text, or an agent would call tools for ever.
 */
export function chooseTool(request: ChatRequest, prompt: string): Tool | undefined {
  const { tools, tool_choice } = request;
  if (tool_choice === "none") return undefined;
  if (typeof tool_choice === "object") return tools.find((tool) => tool.name === tool_choice.name);
  const last_role = request.messages.at(-1)?.role;
  if (tool_choice === "auto" && (last_role === "tool" || last_role === "function")) return undefined;
  const words = new Set(prompt.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []);
  const fits = (tool: Tool) =>
    tool.name
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .some((word) => words.has(word));
  return tools.find(fits) ?? tools[0];
}

/** Applies `stop`, then the limit of tokens. */
function finish(full: string, request: ChatRequest, tool: string | undefined): Answer {
  let text = full;
  if (tool === undefined) {
    for (const stop of request.stop) {
      const at = text.indexOf(stop);
      if (at >= 0) text = text.slice(0, at);
    }
  }
  const tokens = countTokens(text);
  if (request.max_tokens !== undefined && tokens > request.max_tokens) {
    return { text: firstTokens(text, request.max_tokens), finish_reason: "length", tool, tokens: request.max_tokens };
  }
  return { text, finish_reason: tool === undefined ? "stop" : "tool_calls", tool, tokens };
}
