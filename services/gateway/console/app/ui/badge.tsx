/** A state in a word and a colour; the word alone tells it too. */
import type { ComponentChildren } from "preact";

export type Tone = "good" | "warn" | "bad" | "busy" | "quiet";

const TONES: Readonly<Record<string, Tone>> = {
  ...{ succeeded: "good", completed: "good", delivered: "good", done: "good", active: "good", ok: "good" },
  ...{ rejected: "warn", expired: "warn", deferred: "warn", paused: "warn", stopped: "warn", quarantined: "warn" },
  ...{ failed: "bad", error: "bad", open: "bad" },
  ...{ running: "busy", in_progress: "busy", validating: "busy", finalizing: "busy", cancelling: "busy" },
};

/** Of a request, a job, a delivery, a replay…: colours that are known by the word. */
export function Status({ of }: { readonly of: string }) {
  return <Badge tone={TONES[of] ?? "quiet"}>{of.replaceAll("_", " ")}</Badge>;
}

export function Badge({ tone = "quiet", children }: { readonly tone?: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge tone-${tone}`}>{children}</span>;
}
