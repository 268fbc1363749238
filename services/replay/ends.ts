/** How a run that stands still before its end is written down. Pure. */
import { SluiceError } from "../../libs/shared/errors.ts";
import type { ReplayError, ReplaySave } from "../../libs/shared/replay/replay.ts";

/** What ends a run from outside: its lease is another's, a person wants it, or its process is to end. */
export type Why = "lost" | "pause" | "cancel" | "left";

export type Standing = {
  readonly why: Why | undefined;
  /** Why the mode itself stopped. */
  readonly stopped: ReplayError | undefined;
  readonly previewed: boolean;
  readonly left_as: "paused" | "asked";
};

export function standsStill({ why, stopped, previewed, left_as }: Standing, now_ms: number): ReplaySave {
  if (why === "cancel") return { status: "cancelled", ended_ms: now_ms };
  if (stopped !== undefined) return { status: "paused", error: stopped };
  if (why !== "left" || left_as === "paused") return { status: "paused" };
  return { status: previewed ? "asked" : "previewing" };
}

export function failedBy(error: unknown, now_ms: number): ReplaySave {
  const code = error instanceof SluiceError ? error.code : "internal_error";
  const fix = error instanceof SluiceError && error.fix !== undefined ? `. ${error.fix}` : "";
  const message = `${error instanceof Error ? error.message : String(error)}${fix}`;
  return { status: "failed", error: { code, message }, ended_ms: now_ms };
}
