/**
 * Chunks of a chat completion made from the whole answer, or from what its reader has not had of it. Source: OpenAI's API reference,
 * "The chat completion chunk object". Pure.
 */
import { type ChoiceRest, type Fields, fieldsIn, indexOf, isFields, type SentAnswer } from "./chat-sent.ts";

/** Of one chunk made here: what is written at once stays small. */
const PIECE_CHARS = 4_096;
const PIECE_LOGPROBS = 128;

/** Of the completion itself, in each of its chunks. */
const IN_EACH = ["id", "created", "model", "system_fingerprint", "service_tier"];
const OWN = new Set(["object", "choices", "usage", ...IN_EACH]);
const OF_CHOICE = new Set(["index", "message", "logprobs"]);

/**
 * The chunks that bring a reader from what it was sent to the whole answer, without usage; made one by one, as they are taken.
 * @returns undefined when what was sent is not the answer's beginning.
 */
export function restChunks(response: Fields, sent: SentAnswer): Iterable<Fields> | undefined {
  const choices = fieldsIn(response["choices"]).map((choice, at) => ({ choice, index: indexOf(choice, at) }));
  const known = new Set(choices.map(({ index }) => index));
  if (sent.indexes.some((index) => !known.has(index))) return undefined;
  const rests: { choice: Fields; index: number; rest: ChoiceRest }[] = [];
  for (const { choice, index } of choices) {
    const rest = sent.rest(choice, index);
    if (rest === undefined) return undefined;
    rests.push({ choice, index, rest });
  }
  return made(response, sent, rests);
}

function* made(
  response: Fields,
  sent: SentAnswer,
  rests: readonly { choice: Fields; index: number; rest: ChoiceRest }[],
): Iterable<Fields> {
  const head = headOf(response, sent);
  // What a provider says beside OpenAI's fields is said once.
  let extras = Object.fromEntries(Object.entries(response).filter(([name]) => !OWN.has(name)));
  for (const { choice, index, rest } of rests) {
    if (rest.finished) continue;
    for (const { delta, logprobs } of pieces(rest)) {
      const of_choice = { index, delta, logprobs, finish_reason: null };
      yield { ...head, ...extras, choices: [of_choice] };
      extras = {};
    }
    const last = Object.fromEntries(Object.entries(choice).filter(([name]) => !OF_CHOICE.has(name)));
    yield { ...head, choices: [{ index, delta: {}, logprobs: null, ...last }] };
  }
}

/** The chunk with the usage, which comes last. @param more beside the usage. */
export function usageChunk(head: Readonly<Fields>, usage: unknown, more: Fields): Fields {
  return { ...head, object: "chat.completion.chunk", choices: [], usage, ...more };
}

/** What chunks of the answer begin with; where some were sent, as those did. */
export function headOf(response: Fields, sent: SentAnswer): Fields {
  const given = { ...response, ...defined(sent.head) };
  const head: Fields = { id: given["id"], object: "chat.completion.chunk" };
  for (const name of IN_EACH) if (Object.hasOwn(given, name)) head[name] = given[name];
  return head;
}

/** A delta and its log-probabilities, cut into parts. */
function* pieces({ delta, logprobs }: ChoiceRest): Iterable<{ delta: Fields; logprobs: Fields | null }> {
  let left: Fields | undefined = Object.keys(delta).length > 0 ? delta : undefined;
  const lists = Object.entries(logprobs);
  const most = Math.max(0, ...lists.map(([, list]) => list.length));
  for (let at = 0; left !== undefined || at < most; at += PIECE_LOGPROBS) {
    const [head, tail]: readonly [Fields, Fields | undefined] = left === undefined ? [{}, undefined] : cut(left);
    const part = Object.fromEntries(lists.map(([name, list]) => [name, list.slice(at, at + PIECE_LOGPROBS)]));
    yield { delta: head, logprobs: at < most ? part : null };
    left = tail;
  }
}

/** The first piece of each text beside all that is no text, and what is left of the texts. */
function cut(delta: Fields): readonly [Fields, Fields | undefined] {
  const head: Fields = {};
  const tail: Fields = {};
  for (const [name, value] of Object.entries(delta)) {
    const [first, left] = cutValue(value);
    put(head, name, first);
    if (left !== undefined) put(tail, name, left);
  }
  return [head, Object.keys(tail).length > 0 ? tail : undefined];
}

function cutValue(value: unknown): readonly [unknown, unknown] {
  if (typeof value === "string") {
    if (value.length <= PIECE_CHARS) return [value, undefined];
    // A pair of surrogates is one character: parted, not every client can join it again.
    const split = /[\uD800-\uDBFF]/.test(value.charAt(PIECE_CHARS - 1));
    const end = split ? PIECE_CHARS - 1 : PIECE_CHARS;
    return [value.slice(0, end), value.slice(end)];
  }
  if (isFields(value)) return cut(value);
  if (!Array.isArray(value) || !value.every((item) => isFields(item) && "index" in item)) return [value, undefined];
  const items = (value as Fields[]).map((item) => [item["index"], ...cut(item)] as const);
  const left = items.flatMap(([index, , tail]) => (tail === undefined ? [] : [{ index, ...tail }]));
  return [items.map(([, head]) => head), left.length > 0 ? left : undefined];
}

function defined(fields: Readonly<Fields>): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Names come from strangers: `__proto__` is a field like any other. */
function put(into: Fields, name: string, value: unknown): void {
  Object.defineProperty(into, name, { value, enumerable: true, writable: true, configurable: true });
}
