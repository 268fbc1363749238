/** Whether an answer is whole: only then may it be given again (I5). Pure. */
import type { JobHead } from "../../libs/shared/events/flow.ts";
import { refusalIn } from "./refusals.ts";

/** The model ended by itself. `length` is cut off, `content_filter` is held back. */
const WHOLE: ReadonlySet<unknown> = new Set(["stop", "tool_calls"]);

type Choice = {
  readonly finish_reason?: unknown;
  readonly message?: {
    readonly content?: unknown;
    readonly refusal?: unknown;
    readonly tool_calls?: unknown;
  } | null;
};

/** @param response a provider's answer, as it was parsed. */
export function isComplete(kind: JobHead["kind"], response: Readonly<Record<string, unknown>>): boolean {
  const list = response[kind === "chat" ? "choices" : "data"];
  if (!Array.isArray(list) || list.length === 0) return false;
  return kind === "chat" ? list.every(isWhole) : list.every(hasEmbedding);
}

/** Every choice of `n`. One that says nothing is no answer, whatever it says of its end. */
function isWhole(choice: Choice | null): boolean {
  const { content, refusal, tool_calls } = choice?.message ?? {};
  const says = (typeof content === "string" && content !== "") || (Array.isArray(tool_calls) && tool_calls.length > 0);
  // One that refuses in words may be answered the next time.
  const refuses = !!refusal || (typeof content === "string" && refusalIn(content) !== undefined);
  return says && !refuses && WHOLE.has(choice?.finish_reason);
}

function hasEmbedding(item: { readonly embedding?: unknown } | null): boolean {
  const embedding = item?.embedding;
  return (Array.isArray(embedding) || typeof embedding === "string") && embedding.length > 0;
}
