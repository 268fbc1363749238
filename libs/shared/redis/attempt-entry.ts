/**
 * An entry of the attempt ledger (I3): how far a job's model call has come. One line of text, the answer behind it:
 *
 *   R <run> <calls> <unknown> <until_ms>   reserved: a run works on the job until then, no call is under way
 *   D <run> <calls> <unknown> <until_ms> … dispatched: a call was sent or is about to be; with a provider's batch, its id
 *   A <run> <calls> <unknown>              answered: the ending and the response follow, until they are published
 *   P                                      published: the outcome is on its topic
 *   L <round> <calls> <unknown>            left: the request went back by a retry topic after this round
 *   N <calls> <unknown>                    passed on: the answer is with the job of the next hop, which has an entry of its own
 *
 * `run` names one handling of the job by one process; `calls` counts the calls sent, `unknown` those whose answers nobody knows.
 * Every change is a compare-and-swap on the line, so of two runs that meet only one goes on. Pure.
 */
import type { Onward } from "../events/flow.ts";
import type { Ending } from "../events/outcomes.ts";

/**
 * The entry's key. The tenant is the hash tag: all keys of a tenant share a slot in a cluster. Other content under the same id is
 * another job, and so is another hop of the same request.
 */
export function attemptKey(job: {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  readonly hop?: number | undefined;
}): string {
  const { tenant, id, content_hash, hop = 0 } = job;
  return `attempt:{${tenant}}:${id}:${content_hash.slice(0, 16)}${hop === 0 ? "" : `:${hop}`}`;
}

/** A request takes no more hops: four tiers beyond the first, and one judgement. */
export const HOPS_MAX = 5;

export type Run = {
  readonly run: string;
  /** Calls sent for this job, by this run and those before it. */
  readonly calls: number;
  /** Calls among them whose answers are unknown: sent again, they may be paid for twice. */
  readonly unknown: number;
};

/** Where a job waits within a provider's batch. */
export type BatchPlace = { readonly batch_id: string; readonly custom_id: string };

export type Entry =
  | { readonly state: "none" }
  | (Run & { readonly state: "reserved"; readonly until_ms: number })
  | (Run & { readonly state: "dispatched"; readonly until_ms: number; readonly batch?: BatchPlace })
  | (Run & { readonly state: "answered"; readonly answer: Answer })
  | { readonly state: "published" }
  | (Omit<Run, "run"> & { readonly state: "left"; readonly round: number })
  | (Omit<Run, "run"> & { readonly state: "passed_on" });

export type Answer = {
  readonly ending: Ending;
  readonly response: Buffer | undefined;
  /** It is no outcome: `response` goes to the next hop as its draft. Decided once, so that a repeat does the same. */
  readonly onward?: Onward;
};

/** The line that swaps compare. */
export function headOf(entry: Entry): string {
  switch (entry.state) {
    case "none":
      return "";
    case "reserved":
      return `R ${runText(entry)} ${entry.until_ms}`;
    case "dispatched": {
      const batch = entry.batch === undefined ? "" : ` ${entry.batch.batch_id} ${entry.batch.custom_id}`;
      return `D ${runText(entry)} ${entry.until_ms}${batch}`;
    }
    case "answered":
      return `A ${runText(entry)}`;
    case "published":
      return "P";
    case "left":
      return `L ${entry.round} ${entry.calls} ${entry.unknown}`;
    case "passed_on":
      return `N ${entry.calls} ${entry.unknown}`;
  }
}

/** What is stored. */
export function encodeEntry(entry: Entry): Buffer {
  const head = headOf(entry);
  if (entry.state !== "answered") return Buffer.from(head);
  const { ending, response, onward } = entry.answer;
  const parts: Buffer[] = [Buffer.from(`${head}\n${JSON.stringify({ ...ending, onward })}`)];
  if (response !== undefined) parts.push(Buffer.from("\n"), response);
  return Buffer.concat(parts);
}

/** Reads what `encodeEntry` wrote. What cannot be read counts as nothing: the worst that follows is a call too many. */
export function decodeEntry(text: string): Entry {
  try {
    const entry = read(text);
    return headOf(entry) === headLineOf(text) ? entry : { state: "none" };
  } catch {
    return { state: "none" };
  }
}

/** The line that a swap compares, of an entry as it is stored. */
export function headLineOf(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** @throws SyntaxError on an ending that is not JSON. */
function read(text: string): Entry {
  const [head = "", ending, ...response] = text.split("\n");
  const [state, run = "", calls, unknown, until_ms, batch_id, custom_id] = head.split(" ");
  const of_run = { run, calls: Number(calls), unknown: Number(unknown) };
  if (state === "P") return { state: "published" };
  if (state === "L") return { state: "left", round: Number(run), calls: of_run.calls, unknown: of_run.unknown };
  if (state === "N") return { state: "passed_on", calls: Number(run), unknown: of_run.calls };
  if (state === "R") return { state: "reserved", ...of_run, until_ms: Number(until_ms) };
  if (state === "D") {
    const batch = batch_id === undefined || custom_id === undefined ? {} : { batch: { batch_id, custom_id } };
    return { state: "dispatched", ...of_run, until_ms: Number(until_ms), ...batch };
  }
  if (state === "A" && ending !== undefined) {
    const bytes = response.length === 0 ? undefined : Buffer.from(response.join("\n"));
    return { state: "answered", ...of_run, answer: answerIn(ending, bytes) };
  }
  return { state: "none" };
}

function answerIn(line: string, response: Buffer | undefined): Answer {
  const { onward, ...ending } = JSON.parse(line) as Ending & Pick<Answer, "onward">;
  return { ending, response, ...(onward === undefined ? {} : { onward }) };
}

function runText({ run, calls, unknown }: Run): string {
  return `${run} ${calls} ${unknown}`;
}

/** The process that a run belongs to: `<instance>.<number>`. */
export function instanceOf(run: string): string {
  return run.slice(0, run.lastIndexOf("."));
}
