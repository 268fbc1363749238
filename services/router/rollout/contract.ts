/** Rollouts as routing sees them: which side a request is on. */
import type { Decision } from "../../../libs/shared/events/fields.ts";

export type RolloutSide = NonNullable<Decision["rollout"]>;

/** A change that applies to this request; `side` says whether it has the new or the old. */
export type RolledOut<Value> = { readonly value: Value | undefined; readonly side: RolloutSide };

/** The rollouts in force. `sticky` is the same for requests that must stay on one side: tenant and user, else session, else id. */
export interface Rollouts {
  /** Another first model for the tier; undefined where nothing is rolled out there. `value` is undefined on the old side. */
  model(tier: string, sticky: string): RolledOut<string> | undefined;
  /** Another of the tier's prompts, by version. */
  prompt(tier: string, sticky: string): RolledOut<string> | undefined;
  /** Another complexity policy, by file. */
  policy(sticky: string): RolledOut<string> | undefined;
}

export const NO_ROLLOUTS: Rollouts = { model: () => undefined, prompt: () => undefined, policy: () => undefined };
