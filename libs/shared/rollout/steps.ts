/** What a person does to a rollout: the state that follows, or why it cannot. Pure. */
import type { RolloutSettings } from "../config/routing.ts";
import { SluiceError } from "../errors.ts";
import type { RolloutEvent } from "../events/control.ts";
import { changeTarget, changeText, type RolloutChange } from "./changes.ts";
import type { RolloutBook } from "./rollout-book.ts";

const NAME = /^[a-z0-9][a-z0-9_-]{0,40}$/;

export type Start = {
  readonly name: string;
  readonly change: RolloutChange;
  /** Left out: the first stage. */
  readonly percent?: number | undefined;
  readonly manual: boolean;
  readonly by: string;
  readonly now_ms: number;
};

/** @throws `usage` where the name cannot be, or is taken, or the same thing is being rolled out already. */
export function started(
  book: Pick<RolloutBook, "get" | "underWay">,
  { stages, automatic }: Pick<RolloutSettings, "stages" | "automatic">,
  { name, change, percent, manual, by, now_ms }: Start,
): RolloutEvent {
  if (!NAME.test(name)) {
    throw new SluiceError("usage", `"${name}" is no name of a rollout`, {
      fix: "Use 1 to 41 lower-case letters, digits, - or _.",
    });
  }
  const known = book.get(name)?.state;
  const other = known !== undefined && isUnderWay(known) ? known : book.underWay(changeTarget(change));
  if (other !== undefined) {
    const what = `rollout ${other.name} (${changeText(other.change)}) is at ${other.percent} % and ${other.status}`;
    throw new SluiceError("usage", what, {
      fix: `End it first: \`sluice rollout finish ${other.name}\` or \`sluice rollout rollback ${other.name}\`.`,
    });
  }
  const at_ms = Math.max(now_ms, (known?.at_ms ?? 0) + 1);
  return {
    kind: "rollout",
    name,
    change,
    status: "running",
    percent: percent ?? stages[0] ?? 100,
    automatic: automatic && !manual,
    started_ms: at_ms,
    stage_ms: at_ms,
    at_ms,
    by,
  };
}

export type Step =
  | { readonly kind: "move"; readonly percent: number }
  | { readonly kind: "pause" | "resume" | "rollback" | "finish" };

/**
 * The next state. A percentage begins a stage anew; so does resuming, since what was seen before the pause may be old.
 * @throws `usage` where the rollout has ended, or is in that state already.
 */
export function stepped(state: RolloutEvent, step: Step, by: string, now_ms: number): RolloutEvent {
  const at_ms = Math.max(now_ms, state.at_ms + 1);
  const { why: _, ...before } = state;
  const next = { ...before, at_ms, by };
  const again = { ...next, stage_ms: at_ms };
  // What is done can still be taken back.
  if (step.kind === "rollback" && state.status !== "rolled_back") return { ...again, status: "rolled_back" };
  if (!isUnderWay(state)) throw wrong(state, "start it anew to go on");
  switch (step.kind) {
    case "move": {
      if (step.percent === state.percent) throw wrong(state, `it is at ${state.percent} % already`);
      return { ...again, status: "running", percent: step.percent };
    }
    case "pause":
      if (state.status === "paused") throw wrong(state, "it stays as it is until `sluice rollout resume`");
      return { ...next, status: "paused" };
    case "resume":
      if (state.status === "running") throw wrong(state, "only a paused one is resumed");
      return { ...again, status: "running" };
    case "finish":
      return { ...again, status: "done", percent: 100 };
    case "rollback":
      throw wrong(state, "start it anew to go on");
  }
}

function isUnderWay({ status }: RolloutEvent): boolean {
  return status === "running" || status === "paused";
}

function wrong({ name, status, percent }: RolloutEvent, fix: string): SluiceError {
  const where = status === "done" || status === "rolled_back" ? status.replace("_", " ") : `${status} at ${percent} %`;
  return new SluiceError("usage", `rollout ${name} is ${where}: ${fix}`);
}
