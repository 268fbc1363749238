/**
 * Puts the chunks of a streamed chat completion together into the answer that a call without a stream would have given.
 *
 * Fields that OpenAI documents have their own rules. All others within a choice's delta follow one: texts are appended, objects
 * are joined by the same rule, lists whose items carry an `index` item by item; of anything else the last counts. Beside the delta,
 * the last value that is not null counts. Source: OpenAI's API reference, "The chat completion chunk object". Pure.
 */

type Fields = Record<string, unknown>;

/** What came of the answer's text (content, refusal, reasoning, arguments of tools), for charging a stream that broke. */
export type Received = { readonly chars: number; readonly chunks: number };

type Choice = {
  readonly message: Fields;
  readonly logprobs: Fields;
  readonly rest: Fields;
};

/** Names and marks: given whole, by some providers in every chunk. The first that says anything counts. */
const GIVEN_WHOLE = new Set(["id", "type", "role", "index"]);
/** Of the completion itself: the first that says anything counts (Azure begins with a chunk that says nothing). */
const FIRST_COUNTS = ["id", "created", "model"];
/** Said by each chunk of itself, not of the answer. */
const OF_THE_CHUNK = new Set(["object", "choices", "obfuscation", ...FIRST_COUNTS]);
/** An index in a list is a place to write to: no provider needs more, and a mad one gets no more. */
const INDEX_MAX = 1_023;

export class ChatAssembler {
  readonly #choices_expected: number;
  readonly #head: Fields = {};
  readonly #choices = new Map<number, Choice>();
  #chars = 0;
  #chunks = 0;
  #kept_chars = 0;

  /** @param choices_expected the request's `n`. */
  constructor(choices_expected = 1) {
    this.#choices_expected = choices_expected;
  }

  get received(): Received {
    return { chars: this.#chars, chunks: this.#chunks };
  }

  /** About what `response` will hold: its text and its log probabilities, in characters. */
  get kept_chars(): number {
    return this.#kept_chars;
  }

  /** Every choice came to its end. */
  get complete(): boolean {
    if (this.#choices.size < Math.max(1, this.#choices_expected)) return false;
    return [...this.#choices.values()].every(({ rest }) => typeof rest["finish_reason"] === "string");
  }

  /** The provider's own counts, where it gave any. */
  get usage(): unknown {
    return this.#head["usage"];
  }

  /**
   * @param chunk one event's JSON; what does not have a chunk's shape is passed over.
   * @returns whether it brought text.
   */
  add(chunk: unknown): boolean {
    if (!isFields(chunk)) return false;
    for (const name of FIRST_COUNTS) this.#head[name] ||= chunk[name];
    takeLast(this.#head, chunk, OF_THE_CHUNK);
    const chars_before = this.#chars;
    for (const choice of listOf(chunk["choices"])) if (isFields(choice)) this.#addChoice(choice);
    const chars = this.#chars - chars_before;
    this.#kept_chars += chars;
    if (chars > 0) this.#chunks += 1;
    return chars > 0;
  }

  /** The chat completion, in OpenAI's shape; undefined when no choice came. */
  response(): object | undefined {
    if (this.#choices.size === 0) return undefined;
    const { id, created, model, ...rest } = this.#head;
    const choices = [...this.#choices].toSorted(([one], [other]) => one - other);
    return {
      ...{ id, object: "chat.completion", created, model },
      choices: choices.map(([index, choice]) => ({
        ...{ index, message: messageOf(choice.message) },
        logprobs: Object.keys(choice.logprobs).length === 0 ? null : choice.logprobs,
        ...{ finish_reason: null, ...choice.rest },
      })),
      ...rest,
    };
  }

  #addChoice(given: Fields): void {
    const index = placeOf(given["index"]) ?? 0;
    const choice = this.#choices.get(index) ?? { message: {}, logprobs: {}, rest: {} };
    this.#choices.set(index, choice);
    if (isFields(given["delta"])) this.#join(choice.message, given["delta"]);
    if (isFields(given["logprobs"])) this.#addLogprobs(choice.logprobs, given["logprobs"]);
    takeLast(choice.rest, given, new Set(["index", "delta", "logprobs"]));
  }

  #addLogprobs(into: Fields, given: Fields): void {
    for (const [name, list] of Object.entries(given)) {
      if (list === null && !Object.hasOwn(into, name)) put(into, name, null);
      if (!Array.isArray(list)) continue;
      const known = listIn<unknown>(into, name, Object.hasOwn(into, name) ? into[name] : undefined);
      for (const item of list) known.push(item);
      this.#kept_chars += JSON.stringify(list).length;
    }
  }

  #join(into: Fields, delta: Fields): void {
    for (const [name, value] of Object.entries(delta)) {
      const known = Object.hasOwn(into, name) ? into[name] : undefined;
      if (value === null || value === undefined) {
        if (known === undefined) put(into, name, null);
      } else if (GIVEN_WHOLE.has(name)) put(into, name, known || value);
      else if (typeof value === "string") this.#append(into, name, known, value);
      else if (isFields(value)) this.#join(childOf(into, name, known), value);
      else if (isIndexed(name, value)) this.#joinList(listIn(into, name, known), value);
      else put(into, name, value);
    }
  }

  #append(into: Fields, name: string, known: unknown, text: string): void {
    // A tool's name comes whole, from some providers again and again.
    if (name === "name" && known === text) return;
    put(into, name, typeof known === "string" ? known + text : text);
    this.#chars += text.length;
  }

  #joinList(into: Fields[], items: readonly Fields[]): void {
    for (const item of items) {
      const place = placeOf(item["index"]) ?? placeWithout(into, item["id"]);
      let known = into.find((one) => one["index"] === place);
      if (known === undefined) {
        known = { index: place };
        into.push(known);
      }
      this.#join(known, item);
    }
  }
}

/** A message as it is without a stream: its tool calls are a list, and carry no index of their own. */
function messageOf({ tool_calls, ...message }: Fields): Fields {
  const whole = { role: "assistant", content: null, ...message };
  if (!Array.isArray(tool_calls)) return whole;
  const sorted = (tool_calls as Fields[]).toSorted((one, other) => Number(one["index"]) - Number(other["index"]));
  return { ...whole, tool_calls: sorted.map(({ index: _, ...call }) => call) };
}

/** Where an item goes that carries no index: to the one of its id; a new id begins a new one; without an id, to the last. */
function placeWithout(list: readonly Fields[], id: unknown): number {
  const same = list.findLast((item) => item["id"] === id) ?? (id ? undefined : list.at(-1));
  return same === undefined ? list.length : (same["index"] as number);
}

function placeOf(index: unknown): number | undefined {
  return Number.isInteger(index) ? Math.min(Math.max(index as number, 0), INDEX_MAX) : undefined;
}

function isIndexed(name: string, value: unknown): value is Fields[] {
  if (!Array.isArray(value) || !value.every(isFields)) return false;
  return name === "tool_calls" || (value.length > 0 && value.every((item) => Number.isInteger(item["index"])));
}

function takeLast(into: Fields, given: Fields, but: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(given)) {
    if (but.has(name) || value === null || value === undefined) continue;
    put(into, name, value);
  }
}

function childOf(into: Fields, name: string, known: unknown): Fields {
  const child = isFields(known) ? known : {};
  put(into, name, child);
  return child;
}

function listIn<T = Fields>(into: Fields, name: string, known: unknown): T[] {
  const list = Array.isArray(known) ? (known as T[]) : [];
  put(into, name, list);
  return list;
}

/** Names come from strangers: `__proto__` is a field like any other. */
function put(into: Fields, name: string, value: unknown): void {
  if (name === "__proto__")
    Object.defineProperty(into, name, { value, enumerable: true, writable: true, configurable: true });
  else into[name] = value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
