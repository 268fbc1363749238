/** The flags that say which entries are meant. Pure. */
import { patternProblem } from "../../libs/shared/cache/selector.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { CacheSelector } from "../../libs/shared/events/control.ts";

export type SelectionFlags = {
  readonly id?: string;
  readonly tenant?: string;
  readonly namespace?: string;
  readonly pattern?: string;
  /** Milliseconds. */
  readonly olderThan?: number;
};

/** @throws `usage` for a pattern that RE2 does not take. */
export function selectorOf(flags: SelectionFlags, now_ms: number): CacheSelector {
  const { id: entry_id, tenant, namespace, pattern, olderThan } = flags;
  const problem = pattern === undefined ? undefined : patternProblem(pattern);
  if (problem !== undefined) {
    throw new SluiceError("usage", `--pattern ${pattern} cannot be read: ${problem}`, {
      fix: "Write a regular expression of RE2: no look-around, no back-references.",
    });
  }
  return {
    ...(entry_id === undefined ? {} : { entry_id }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(olderThan === undefined ? {} : { before_ms: now_ms - olderThan }),
  };
}
