/**
 * What services tell of a request (or a job) for whoever follows it: its states, in a short Redis stream beside the one with its
 * tokens (`token-events.ts`). A convenience like those: the Result has everything.
 *
 * Only of requests with `EVENTS_HEADER`. A state may be there twice, since work may be done twice: a reader passes over one that it has
 * seen. After each write a word goes out on `wakeChannel`, for tokens too; words can be lost, streams cannot.
 */
import { EVENTS_HEADER } from "../events/headers.ts";
import type { RecordHeaders } from "../kafka/ports.ts";

/** Of a request, in the order in which they come; rounds of retries and deferrals repeat some of them. */
export type RequestState =
  | { readonly state: "admitted"; readonly rate_room?: string }
  | { readonly state: "deferred"; readonly until_ms: number }
  | { readonly state: "routed"; readonly tier: string; readonly model: string; readonly cache: string }
  | { readonly state: "started"; readonly attempt: number }
  | { readonly state: "retrying"; readonly round: number; readonly due_ms: number }
  /** The last one. The Result is in the job view. */
  | { readonly state: "ended"; readonly status: string };

/** Of a job: its progress as its API shows it; `ended` is the last one. */
export type JobProgress = { readonly state: "progress" | "ended"; readonly [field: string]: unknown };

export type FollowedState = RequestState | JobProgress;

export type Told = { readonly tenant: string; readonly id: string; readonly state: FollowedState };

/** Tells whoever follows; never rejects, and what cannot be told is not. */
export type Tell = (told: readonly Told[]) => Promise<void>;

/** Whether somebody may follow the request that these headers travel with. Pure. */
export function isFollowed(headers: RecordHeaders): boolean {
  return headers[EVENTS_HEADER] !== undefined;
}

/** Every state is small, and a request has few. Of a job the last ones are enough. */
export const STATES_MAX = 200;

export function statesKey(tenant: string, id: string): string {
  return `states:{${tenant}}:${id}`;
}

/** Where a word goes out when there is something new in the streams of a request. Channels have no prefix of their own. */
export function wakeChannel(key_prefix: string, tenant: string, id: string): string {
  return `${key_prefix}wake:${tenant} ${id}`;
}

/** An entry of the stream, by its id; undefined for one that nobody here wrote. Pure. */
export function readStateEntry(fields: readonly string[]): FollowedState | undefined {
  const [name, data] = fields;
  if (name !== "data" || data === undefined) return undefined;
  try {
    return JSON.parse(data) as FollowedState;
  } catch {
    return undefined;
  }
}
