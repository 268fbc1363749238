/** What the router looks at in a request: its texts and what it uses. Pure. */

/** A chat request's messages as far as they are text. */
export type RequestFacts = {
  /** All system and developer messages, one after another. */
  readonly system: string;
  /** The last message where it is the user's and all text; undefined otherwise. */
  readonly last_user: string | undefined;
  /** The user's and the assistant's messages. */
  readonly turns: number;
  /** Characters of all messages. */
  readonly chars: number;
};

type Message = { readonly role?: unknown; readonly content?: unknown };

/** @param body a chat request's, as it was admitted. */
export function factsOf(body: Readonly<Record<string, unknown>>): RequestFacts {
  const messages = (Array.isArray(body["messages"]) ? body["messages"] : []) as readonly Message[];
  const last = messages.at(-1);
  let chars = 0;
  let turns = 0;
  const system: string[] = [];
  for (const { role, content } of messages) {
    const text = textOf(content) ?? "";
    chars += text.length;
    if (role === "system" || role === "developer") system.push(text);
    else if (role === "user" || role === "assistant") turns += 1;
  }
  const last_user = last?.role === "user" && isText(last.content) ? textOf(last.content) : undefined;
  return { system: system.join("\n"), last_user, turns, chars };
}

function isText(content: unknown): boolean {
  return typeof content === "string" || (Array.isArray(content) && content.every((part) => isTextPart(part)));
}

function isTextPart(part: unknown): part is { readonly text: string } {
  return typeof part === "object" && part !== null && "text" in part && typeof part.text === "string";
}

/** The text of a message's content; parts that are none are passed over. */
export function textOf(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  return content
    .filter(isTextPart)
    .map(({ text }) => text)
    .join("\n");
}
