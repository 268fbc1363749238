/** What a run that takes up a job does, given the ledger's entry of it. Pure. */
import type { Answer, BatchPlace, Entry, Run } from "../../../libs/shared/redis/attempt-entry.ts";

export type Opening =
  /** Reserve it by a swap; `lost` calls of another run have answers that nobody knows. */
  | { readonly kind: "reserve"; readonly run: Run; readonly lost: number }
  /** A provider's batch has the job already: go on waiting for it. */
  | { readonly kind: "resume"; readonly run: Run; readonly batch: BatchPlace }
  /** Another run is at it: look again later. */
  | { readonly kind: "wait" }
  /** An earlier run has the answer: publish it without a call. */
  | { readonly kind: "answered"; readonly answer: Answer }
  /** Everything that this job causes has been published. */
  | { readonly kind: "done" }
  /** An answer is unknown and the settings say that a person decides; `lost` as above. */
  | { readonly kind: "quarantine"; readonly run: Run; readonly lost: number };

export type OpeningContext = {
  /** This run's name. */
  readonly run: string;
  /** Rounds through retry topics that the job has behind it. */
  readonly round: number;
  readonly on_unknown: "retry" | "quarantine";
  readonly now_ms: number;
  /** Whether the process of the entry's run still lives. */
  readonly owner_lives: boolean;
};

/** How long after the end of its time-out a call of a living owner is waited for. */
const OVERDUE_MS = 10_000;

export function opening(entry: Entry, context: OpeningContext): Opening {
  const { run } = context;
  switch (entry.state) {
    case "none":
      return { kind: "reserve", run: { run, calls: 0, unknown: 0 }, lost: 0 };
    case "published":
    case "passed_on":
      return { kind: "done" };
    case "left":
      if (entry.round >= context.round) return { kind: "done" };
      return { kind: "reserve", run: { run, calls: entry.calls, unknown: entry.unknown }, lost: 0 };
    case "answered":
      return { kind: "answered", answer: entry.answer };
    case "reserved":
      // A run that gave up without a word is not waited for longer than it asked for, though its process lives.
      if (context.owner_lives && entry.run !== run && context.now_ms < entry.until_ms) return { kind: "wait" };
      return taken({ run, calls: entry.calls, unknown: entry.unknown }, 0, context);
    case "dispatched":
      return openDispatched(entry, context);
  }
}

function openDispatched(entry: Extract<Entry, { state: "dispatched" }>, context: OpeningContext): Opening {
  const { run } = context;
  if (context.owner_lives && entry.run !== run && context.now_ms < entry.until_ms + OVERDUE_MS) return { kind: "wait" };
  const { calls, unknown } = entry;
  if (entry.batch !== undefined) return { kind: "resume", run: { run, calls, unknown }, batch: entry.batch };
  return taken({ run, calls, unknown: unknown + 1 }, 1, context);
}

/** The job of a run that is no more. An unknown answer, counted before or now, is for a person where the settings say so. */
function taken(run: Run, lost: number, { on_unknown }: OpeningContext): Opening {
  const quarantined = run.unknown > 0 && on_unknown === "quarantine";
  return { kind: quarantined ? "quarantine" : "reserve", run, lost };
}
