/** Which dead letters are meant. Pure. */
import type { DeadLetter, LetterState } from "./letter.ts";

/** All that is given must hold; of a list, one of it. */
export type DeadLetterFilter = {
  readonly codes?: readonly string[];
  /** That gave it up: ingest, router, inference, results. */
  readonly services?: readonly string[];
  /** That it first stood on, by full names. */
  readonly topics?: readonly string[];
  /** Written at or after, and before; epoch ms. */
  readonly since_ms?: number;
  readonly until_ms?: number;
  /** Of requests. */
  readonly ids?: readonly string[];
  /** `<partition>:<offset>` on `llm.dlq`. */
  readonly places?: readonly string[];
  /** What was done with it; left out: any. */
  readonly state?: LetterState;
};

/** Whether it fits by its headers alone; ids and states are looked at by whoever knows them. */
export function fits(filter: DeadLetterFilter, letter: DeadLetter): boolean {
  const { codes, services, topics, since_ms, until_ms, places } = filter;
  if (codes !== undefined && !codes.includes(letter.code)) return false;
  if (services !== undefined && !services.includes(letter.service)) return false;
  if (topics !== undefined && !topics.includes(letter.original?.topic ?? "")) return false;
  if (since_ms !== undefined && letter.at_ms < since_ms) return false;
  if (until_ms !== undefined && letter.at_ms >= until_ms) return false;
  return places === undefined || places.includes(letter.place);
}

/** A cheap look: whether a letter can be of one of the requests at all. */
export function mayHoldId({ record, original }: DeadLetter, ids: readonly string[]): boolean {
  return ids.some((id) => {
    if (record.value?.includes(id) || record.key?.toString() === id) return true;
    // An id made from a place is written nowhere.
    const [place, origin] = [original, record.headers["sluice-origin"]];
    if (place !== undefined && id === `${place.topic}-${place.partition}-${place.offset}`) return true;
    return origin !== undefined && origin.split(" ").slice(0, 3).join("-") === id;
  });
}
