/** Which entries of the cache a selector means, for the routers' indexes and the command line. Pure. */
import { RE2JS } from "re2js";
import type { CacheEntryHead } from "../events/cache.ts";
import type { CacheSelector } from "../events/control.ts";

/** What of an entry decides. */
export type Selectable = Pick<CacheEntryHead, "entry_id" | "tenant" | "created_ms" | "label" | "text">;

export type SelectorMatch = (entry: Selectable) => boolean;

/**
 * All that is given must hold. Made once and asked for every entry: a pattern is compiled here. A pattern that cannot be read means
 * nothing, so that a bad record on `llm.control` takes nothing away; an entry without a question is never meant by a pattern.
 * @param at_ms when it was said: what was made later is not meant.
 */
export function selectorMatch(selector: CacheSelector, at_ms: number): SelectorMatch {
  const { entry_id, tenant, namespace, pattern, before_ms } = selector;
  const compiled = pattern === undefined ? undefined : compile(pattern);
  if (compiled instanceof Error) return () => false;
  return (entry) =>
    entry.created_ms <= at_ms &&
    (before_ms === undefined || entry.created_ms < before_ms) &&
    (entry_id === undefined || entry.entry_id === entry_id) &&
    (tenant === undefined || entry.tenant === tenant) &&
    (namespace === undefined || entry.label === namespace) &&
    (compiled === undefined || (entry.text !== undefined && compiled.test(entry.text)));
}

/** What is wrong with a pattern, for the person who wrote it; undefined where nothing is. */
export function patternProblem(pattern: string): string | undefined {
  const compiled = compile(pattern);
  return compiled instanceof Error ? compiled.message : undefined;
}

/** RE2: a pattern takes linear time, whoever wrote it. */
function compile(pattern: string): RE2JS | Error {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
