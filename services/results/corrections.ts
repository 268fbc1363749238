/**
 * Outcomes that a replay sends again, and runs of redrives: which Results they correct, and what goes to the replay's topic. Pure.
 *
 * - `stage`: an outcome of before, sent through this service once more. Where it is its request's Result already, that is made anew from it;
 *   nothing is settled, told or published a second time. Where no outcome is the Result yet, it is as any first one.
 * - `redrive`: a run with an id of its own, which settles what was held for it. Where it succeeded, its answer takes the place of the failure
 *   of the request that it was run for.
 *
 * `llm.results` hears of neither a second time (I1): what they come to is on the replay's own topic.
 */
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";
import { replayOf } from "../../libs/shared/events/replay.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import type { Claim, ClaimVerdict, ResultRow } from "./claims.ts";
import { type BuiltResult, buildResult, type TierKinds } from "./result.ts";

/** What an outcome is beside an ordinary one. */
export type Replayed = {
  readonly stage?: { readonly replay: string; readonly place: Claim["place"] };
  /** As ingest has it from the request's record; `of` is the request that it was run for. */
  readonly redrive?: { readonly replay: string; readonly of: string };
};

/** `<topic> <partition> <offset>` */
const PLACE = /^(\S{1,249}) (\d{1,10}) (\d{1,15})$/;

/** @returns undefined for all ordinary outcomes. */
export function replayedOf(
  names: Pick<TopicNames, "outcomes">,
  headers: RecordHeaders,
  { replay }: Pick<OutcomeHead, "replay">,
): Replayed | undefined {
  const header = replayOf(headers);
  const place = header?.mode === "stage" ? placeOf(header.place) : undefined;
  // A mark of an earlier service's stage travels along: that the request was sent again makes its outcome no repeat.
  const stage = header !== undefined && place?.topic === names.outcomes ? { replay: header.id, place } : undefined;
  const redrive =
    replay?.mode === "redrive" && replay.of !== undefined ? { replay: replay.id, of: replay.of } : undefined;
  if (stage === undefined && redrive === undefined) return undefined;
  return { ...(stage === undefined ? {} : { stage }), ...(redrive === undefined ? {} : { redrive }) };
}

function placeOf(text: string | undefined): Claim["place"] | undefined {
  const [, topic, partition, offset] = PLACE.exec(text ?? "") ?? [];
  if (topic === undefined) return undefined;
  return { topic, partition: Number(partition), offset: Number(offset) };
}

/** A row that is to have another Result. */
export type Correction = {
  readonly tenant: string;
  readonly id: string;
  readonly replay: string;
  /** A redrive changes only what has failed or expired; what its run used stands in the run's own row. */
  readonly kind: "stage" | "redrive";
  readonly row: ResultRow;
};

export type Corrected = {
  readonly correction?: Correction;
  /** For the replay's topic. */
  readonly replay: string;
  readonly result: BuiltResult;
};

type Ended = {
  readonly head: OutcomeHead;
  readonly carried: Buffer | undefined;
  readonly record: { readonly headers: RecordHeaders };
  readonly built: BuiltResult;
};

/** @returns undefined where the outcome corrects nothing, and its replay has nothing to hear. */
export function correctedOf(
  ended: Ended,
  { stage, redrive }: Replayed,
  verdict: ClaimVerdict | undefined,
  tiers: TierKinds | undefined,
): Corrected | undefined {
  if (verdict === "corrects" && stage !== undefined) return staged(ended, stage.replay, tiers);
  return verdict === "won" && redrive !== undefined ? redriven(ended, redrive, tiers) : undefined;
}

/** Of an outcome that is its request's Result already. */
function staged({ head, carried, record, built }: Ended, replay: string, tiers: TierKinds | undefined): Corrected {
  const { tenant, id } = head;
  return {
    correction: { tenant, id, replay, kind: "stage", row: built.row },
    replay,
    result: buildResult({ ...head, replay: { id: replay, mode: "stage" } }, carried, record.headers, tiers),
  };
}

/** Of a run that has become its own request's Result; that says itself what it was run for. */
function redriven(
  { head, carried, record, built }: Ended,
  { replay, of }: { readonly replay: string; readonly of: string },
  tiers: TierKinds | undefined,
): Corrected {
  if (head.status !== "succeeded") return { replay, result: built };
  const answer: OutcomeHead = { ...head, id: of, replay: { id: replay, mode: "redrive" } };
  const { row } = buildResult(answer, carried, record.headers, tiers);
  return { correction: { tenant: head.tenant, id: of, replay, kind: "redrive", row }, replay, result: built };
}
