/**
 * What of a streamed answer its reader has been sent: of each text its length and a running hash, so that the rest can be told from the
 * whole answer without keeping it. Pure.
 *
 * Chunks join into an answer as inference puts them together: texts are appended, ids and the like are given whole, objects and lists
 * whose items carry an `index` are joined by the same rule.
 */
import { createHash, type Hash } from "node:crypto";

export type Fields = Record<string, unknown>;

/** What is left of a choice. */
export type ChoiceRest = {
  /** Of its message, as a delta; tool calls carry their index. */
  readonly delta: Fields;
  /** Log-probabilities by list. */
  readonly logprobs: Readonly<Record<string, readonly unknown[]>>;
  /** Its reader knows that it has ended. */
  readonly finished: boolean;
};

type Text = { chars: number; readonly hash: Hash };
type Choice = {
  readonly texts: Map<string, Text>;
  /** Neither texts nor their parents: given whole, and again as it changes. */
  readonly others: Set<string>;
  readonly logprobs: Map<string, number>;
  finished: boolean;
};

/** Given whole, by some providers in every chunk. */
const GIVEN_WHOLE = new Set(["id", "type", "role"]);
/** Of the chunk or its place, not of the answer. */
const PLACE = "index";
/** Texts and other values of one answer that are kept account of. */
const PLACES_MAX = 4_096;

export class SentAnswer {
  readonly #choices = new Map<number, Choice>();
  #head: Fields = {};
  #places = 0;

  /** Of the completion itself, as the chunks had it. */
  get head(): Readonly<Fields> {
    return this.#head;
  }

  /** It was sent to the reader. @param chunk as the provider made it. */
  add(chunk: Fields): void {
    for (const name of ["id", "created", "model"]) this.#head[name] ||= chunk[name];
    for (const given of fieldsIn(chunk["choices"])) {
      const choice = this.#choice(indexOf(given, 0));
      if (isFields(given["delta"])) this.#join(choice, given["delta"], "");
      if (isFields(given["logprobs"])) {
        for (const [name, list] of Object.entries(given["logprobs"])) {
          if (Array.isArray(list)) choice.logprobs.set(name, (choice.logprobs.get(name) ?? 0) + list.length);
        }
      }
      if (typeof given["finish_reason"] === "string") choice.finished = true;
    }
  }

  /**
   * What is left of the choice of the whole answer; undefined when what was sent is not its beginning.
   * @param given one of its `choices`.
   */
  rest(given: Fields, index: number): ChoiceRest | undefined {
    if (this.#places > PLACES_MAX) return undefined;
    const sent = this.#choices.get(index);
    const matched = new Set<string>();
    const message = isFields(given["message"]) ? given["message"] : {};
    const delta = restOf(message, "", sent, matched);
    const begun = [...(sent?.texts ?? [])].filter(([, { chars }]) => chars > 0);
    if (begun.some(([place]) => !matched.has(place))) return undefined;
    const finished = sent?.finished ?? false;
    if (finished && holdsText(delta)) return undefined;
    const logprobs: Record<string, readonly unknown[]> = {};
    for (const [name, list] of Object.entries(isFields(given["logprobs"]) ? given["logprobs"] : {})) {
      if (Array.isArray(list)) logprobs[name] = list.slice(sent?.logprobs.get(name) ?? 0);
    }
    return { delta, logprobs, finished };
  }

  /** The choices of which something was sent. */
  get indexes(): readonly number[] {
    return [...this.#choices.keys()];
  }

  #choice(index: number): Choice {
    const known = this.#choices.get(index);
    if (known !== undefined) return known;
    const made: Choice = { texts: new Map(), others: new Set(), logprobs: new Map(), finished: false };
    this.#choices.set(index, made);
    this.#places += 1;
    return made;
  }

  #join(choice: Choice, delta: Fields, above: string): void {
    if (this.#places > PLACES_MAX) return;
    for (const [name, value] of Object.entries(delta)) {
      if (name === PLACE || value === null || value === undefined) continue;
      const place = `${above}/${name}`;
      if (typeof value === "string") this.#append(choice, place, name, value);
      else if (isFields(value)) this.#join(choice, value, place);
      else if (isJoined(name, value)) {
        value.forEach((item, at) => {
          this.#join(choice, item, `${place}/${indexOf(item, at)}`);
        });
      } else {
        if (!choice.others.has(place)) this.#places += 1;
        choice.others.add(place);
      }
    }
  }

  #append(choice: Choice, place: string, name: string, text: string): void {
    let known = choice.texts.get(place);
    if (known === undefined) {
      known = { chars: 0, hash: createHash("sha256") };
      choice.texts.set(place, known);
      this.#places += 1;
    }
    if (known.chars > 0 && (GIVEN_WHOLE.has(name) || (name === "name" && isWhole(known, text)))) return;
    known.chars += text.length;
    known.hash.update(text, "utf16le");
  }
}

/** Whether the chunk brings something of an answer: text, a tool's name, its arguments. */
export function bringsText(chunk: Fields): boolean {
  return fieldsIn(chunk["choices"]).some(({ delta }) => isFields(delta) && holdsText(delta));
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function fieldsIn(list: unknown): readonly Fields[] {
  return Array.isArray(list) ? list.filter(isFields) : [];
}

export function indexOf(item: Fields, otherwise: number): number {
  const index = item[PLACE];
  return Number.isInteger(index) ? (index as number) : otherwise;
}

function restOf(message: Fields, above: string, sent: Choice | undefined, matched: Set<string>): Fields {
  const rest: Fields = {};
  for (const [name, value] of Object.entries(message)) {
    if (name === PLACE) continue;
    const place = `${above}/${name}`;
    const left = leftOf(name, value, place, sent, matched);
    if (left !== undefined) {
      Object.defineProperty(rest, name, { value: left, enumerable: true, writable: true, configurable: true });
    }
  }
  return rest;
}

/** Undefined where nothing is left. What was sent of a text and is its beginning is `matched`. */
function leftOf(name: string, value: unknown, place: string, sent: Choice | undefined, matched: Set<string>): unknown {
  if (typeof value === "string") {
    const known = sent?.texts.get(place);
    if (known === undefined) return value;
    if (known.chars === 0) return value.length > 0 ? value : undefined;
    if (!begins(known, value)) return undefined;
    matched.add(place);
    return value.length > known.chars ? value.slice(known.chars) : undefined;
  }
  if (isFields(value)) {
    const rest = restOf(value, place, sent, matched);
    return Object.keys(rest).length > 0 ? rest : undefined;
  }
  if (isJoined(name, value)) {
    const items = value.flatMap((item, at) => {
      const index = indexOf(item, at);
      const rest = restOf(item, `${place}/${index}`, sent, matched);
      return Object.keys(rest).length > 0 ? [{ index, ...rest }] : [];
    });
    return items.length > 0 ? items : undefined;
  }
  const told = value === null || value === undefined ? sent !== undefined : sent?.others.has(place) === true;
  return told ? undefined : value;
}

function begins(known: Text, text: string): boolean {
  return text.length >= known.chars && isWhole(known, text.slice(0, known.chars));
}

function isWhole({ chars, hash }: Text, text: string): boolean {
  if (text.length !== chars) return false;
  const other = createHash("sha256").update(text, "utf16le");
  return hash.copy().digest().equals(other.digest());
}

function holdsText(delta: Fields): boolean {
  return Object.entries(delta).some(([name, value]) => {
    if (typeof value === "string") return value.length > 0 && !GIVEN_WHOLE.has(name);
    if (isFields(value)) return holdsText(value);
    return fieldsIn(value).some(holdsText);
  });
}

/** A list that grows item by item. */
function isJoined(name: string, value: unknown): value is Fields[] {
  if (!Array.isArray(value) || !value.every(isFields)) return false;
  return name === "tool_calls" || (value.length > 0 && value.every((item) => Number.isInteger(item[PLACE])));
}
