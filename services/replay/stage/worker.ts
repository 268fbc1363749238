/**
 * Sends a service's own input through it again. The records go out in the transaction that moves the replay's position, so that each is
 * sent once; what the service makes of it is its own affair: for results, `services/results/corrections.ts`. No group's offsets are moved.
 *
 * Of the services before results, only requests without a Result are sent: the others have had theirs, and are paid for.
 */
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { Replay, Stage } from "../../../libs/shared/replay/replay.ts";
import type { Recorded, Replayed, ReplayWorker } from "../contract.ts";
import type { ReplayParts } from "../parts.ts";
import { sentAgain, stageOf } from "./again.ts";

/** @throws `usage` where the selection's topic is not the stage's input. */
export async function createStageWorker(
  { names, settings }: Pick<ReplayParts, "names" | "settings">,
  { id, spec }: Pick<Replay, "id" | "spec">,
): Promise<ReplayWorker> {
  const { stage, selection } = spec;
  if (stage === undefined) throw new SluiceError("usage", "a replay of a stage needs the name of the stage");
  if (stageOf(names, selection.topic) !== stage) {
    throw new SluiceError("usage", `${selection.topic} is not what ${stage} reads`, {
      fix: `${stage} reads ${inputsOf(stage)}.`,
    });
  }
  const [delay] = settings.topics.retry_delays;
  if (delay === undefined) throw new SluiceError("settings_invalid", "topics.retry_delays names no delay");
  const work = (recorded: Recorded): Replayed => {
    const nothing = { recorded, calls: 0, cost_nusd: 0 };
    if (stage !== "results" && recorded.original !== undefined) return { ...nothing, fate: "ended" };
    const again = sentAgain(id, stage, names.retry(delay), recorded.source);
    return { ...nothing, fate: "sent", beside: [again] };
  };
  return {
    // Results are joined in any case.
    wanted: { request: false, outcome: false },
    run: async (records) => ({ done: records.map(work) }),
    close: async () => {},
  };

  function inputsOf(of: Stage): string {
    if (of === "results") return names.outcomes;
    const topic = of === "ingest" ? names.requests : of === "router" ? names.admitted : names.jobs("<tier>");
    return `${topic} and ${names.batch(topic)}`;
  }
}
