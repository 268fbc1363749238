/** Request bodies and what is expected of their results. */
import assert from "node:assert/strict";
import type { Result } from "../../libs/shared/events/flow.ts";

/** In every prompt, so that a log that holds one shows. */
export const PROMPT_MARK = "xylophone";

/** A chat-completions body with one user message. */
export function chat(content: string, more: object = {}): Record<string, unknown> {
  return { messages: [{ role: "user", content: `${PROMPT_MARK} ${content}` }], ...more };
}

/** The one Result of an id; fails when there is none or more than one (I1). */
export function only(results: ReadonlyMap<string, readonly Result[]>, id: string): Result {
  const found = results.get(id) ?? [];
  assert.equal(found.length, 1, `${id} has ${found.length} results`);
  return found[0] as Result;
}
