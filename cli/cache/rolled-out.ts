/** What rollouts have changed of the tiers for good. */
import type { TierSide } from "../../libs/shared/cache/answering.ts";
import { changeTarget } from "../../libs/shared/rollout/changes.ts";
import type { RolloutBook } from "../../libs/shared/rollout/rollout-book.ts";

/** Of a rollout under way it is the old side. What the settings no longer have is left out where the side is used. Pure. */
export function rolledOut(book: Pick<RolloutBook, "all">): (tier: string) => TierSide {
  const done = book.all().flatMap(({ state }) => (state.status === "done" ? [state.change] : []));
  return (tier) => {
    const model = done.find((change) => changeTarget(change) === `model ${tier}`);
    const prompt = done.find((change) => changeTarget(change) === `prompt ${tier}`);
    return {
      ...(model?.of === "model" ? { model: model.model } : {}),
      ...(prompt?.of === "prompt" ? { prompt: prompt.prompt } : {}),
    };
  };
}
