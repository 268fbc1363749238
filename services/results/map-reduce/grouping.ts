/** Which answers one reduce reads: as many as the fan-in allows and its request can hold. Pure. */
import type { PlanningState } from "../../../libs/shared/map-reduce/job.ts";
import { BYTES_PER_TOKEN } from "./cutting.ts";

type Group = NonNullable<PlanningState["open"]>;

export type GroupLimits = {
  /** Answers of one group. */
  readonly answers_max: number;
  readonly tokens_max: number;
};

/** As few groups as the fan-in allows, all about alike, so that none is left with a single answer. */
export function answersPerGroup(answers: number, fan_in: number): number {
  return Math.ceil(answers / Math.max(1, Math.ceil(answers / fan_in)));
}

/**
 * Adds an answer to the open group, or closes that and opens another. Two answers always go together, however long they are: else there
 * would never be one.
 * @param item of the wave before.
 */
export function grouped(
  open: Group | undefined,
  { item, bytes }: { readonly item: number; readonly bytes: number },
  { answers_max, tokens_max }: GroupLimits,
): { readonly open: Group; readonly closed?: Group } {
  const alone = { first: item, last: item, answers: 1, bytes };
  if (open === undefined) return { open: alone };
  const room = open.bytes + bytes <= tokens_max * BYTES_PER_TOKEN;
  if (open.answers < 2 || (open.answers < answers_max && room)) {
    return { open: { ...open, last: item, answers: open.answers + 1, bytes: open.bytes + bytes } };
  }
  return { open: alone, closed: open };
}
