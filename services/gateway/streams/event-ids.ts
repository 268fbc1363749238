/**
 * Ids of the events of a request: `<state>~<token>`, where a reader is in its two streams. All that a gateway needs to go on is in there, so
 * any process can. Pure.
 *
 * `<state>` is the id of the last state's entry in Redis; or the status as the view had it, for a request of which no states are told; or
 * `ended` on the last event, of a job `ended.<when>`: it may go on after its end, and end again. `<token>` is the id of the last entry of tokens. Either is `-` where there was none.
 */

const VIEW_STATES = ["queued", "running", "deferred"] as const;
export type ViewState = (typeof VIEW_STATES)[number];

export type Place = {
  /** The id of an entry. */
  readonly state?: string;
  readonly view?: ViewState;
  /** When, epoch ms; empty for a request, which ends once. */
  readonly ended?: string;
  /** The id of an entry. */
  readonly token?: string;
};

const NONE = "-";
const ENDED = /^ended(?:\.(\d{1,16}))?$/;
/** As Redis has them: milliseconds and a number, both of 64 bits at the most. */
const ENTRY_ID = /^\d{1,20}-\d{1,20}$/;

export function isViewState(status: string): status is ViewState {
  return (VIEW_STATES as readonly string[]).includes(status);
}

export function eventId({ state, view, ended, token }: Place): string {
  const end = ended === "" ? "ended" : `ended.${ended}`;
  return `${ended === undefined ? (state ?? view ?? NONE) : end}~${token ?? NONE}`;
}

/** @returns undefined for what is none of ours. */
export function readEventId(text: string): Place | undefined {
  const [state = "", token = "", ...rest] = text.split("~");
  if (rest.length > 0 || (token !== NONE && !ENTRY_ID.test(token))) return undefined;
  const tokens = token === NONE ? {} : { token };
  if (state === NONE) return tokens;
  const end = ENDED.exec(state);
  if (end !== null) return { ended: end[1] ?? "", ...tokens };
  if (isViewState(state)) return { view: state, ...tokens };
  return ENTRY_ID.test(state) ? { state, ...tokens } : undefined;
}

/** Where an entry stands to another of the same stream: negative when it is before it. */
export function compareEntryIds(one: string, other: string): number {
  const [[one_ms, one_n], [other_ms, other_n]] = [parts(one), parts(other)];
  const difference = one_ms === other_ms ? one_n - other_n : one_ms - other_ms;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

/** Whether nothing was between them: the entries of one attempt are numbered one after the other. */
export function isNext(one: string, other: string): boolean {
  const [[one_ms, one_n], [other_ms, other_n]] = [parts(one), parts(other)];
  return one_ms === other_ms && one_n + 1n === other_n;
}

/** The id that would be just before this one, in its attempt. */
export function entryBefore(id: string): string {
  const [ms, n] = parts(id);
  return `${ms}-${n === 0n ? 0n : n - 1n}`;
}

function parts(id: string): readonly [ms: bigint, n: bigint] {
  const [ms = "0", n = "0"] = id.split("-");
  return [BigInt(ms), BigInt(n)];
}
