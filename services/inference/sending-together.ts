/** Several embeddings requests as one call: sent together, answered apart; where one spoils it, it alone fails. */

import type { Permit, Waits } from "./backend.ts";
import { type EmbeddingsCall, mergeCalls } from "./batching/embeddings.ts";
import { isolateFailures, type SendResult, spoils } from "./batching/isolate.ts";
import { splitAnswer } from "./batching/split-answer.ts";
import { pathFor } from "./call.ts";
import type { ModelAnswer } from "./model-client.ts";
import { failure } from "./provider-outcomes.ts";
import {
  needsOf,
  type Outgoing,
  reportOf,
  type Sending,
  type SendingDeps,
  timeoutOf_ms,
  withPermit,
} from "./sending.ts";
import { judge, type Verdict } from "./verdict.ts";

export type Member = { readonly outgoing: Outgoing; readonly call: EmbeddingsCall };

type Result = SendResult<Sending, Sending>;

/** @param took told how long each call to the model took. @returns an end for each member, in their order. */
export async function sendTogether(
  deps: SendingDeps,
  members: readonly Member[],
  took: (latency_ms: number) => void,
): Promise<readonly Sending[]> {
  const fenced = new Set<Member>();
  const ends = await isolateFailures(members, (group) => sendGroup(deps, group, fenced, took));
  return ends.map((end, index) => {
    // What became of a call that it was not part of says nothing of it.
    if (fenced.has(members[index] as Member)) return FENCED;
    return end.kind === "answered" ? end.answer : end.failure;
  });
}

async function sendGroup(
  deps: SendingDeps,
  group: readonly Member[],
  fenced: Set<Member>,
  took: (latency_ms: number) => void,
): Promise<Result> {
  const permit = await deps.backend.permit(needsOf(group.map(({ outgoing }) => outgoing)));
  const { waited_ms } = permit;
  if (permit.kind === "refused") return { kind: "failed", failure: { sent: permit, waited_ms } };
  return withPermit(permit, async () => {
    const now_ms = deps.clock.now_ms();
    const until_ms = now_ms + timeoutTogether_ms(group, now_ms);
    const mine = await Promise.all(group.map(({ outgoing }) => outgoing.attempt.dispatch(until_ms)));
    const live = group.filter((_, index) => mine[index]);
    for (const member of group) if (!live.includes(member)) fenced.add(member);
    if (live.length === 0) return { sent: { kind: "answers", answers: group.map(() => FENCED) }, report: undefined };
    const { result, verdict, answer, dispatched_ms } = await callGroup(deps, permit, live, waited_ms);
    const prompt_tokens = live.reduce((sum, { outgoing }) => sum + outgoing.body.prompt_tokens, 0);
    const report = reportOf(deps, { verdict, answer, dispatched_ms, sizes: { prompt_tokens } });
    took(report.latency_ms);
    return { sent: withFenced(result, group, mine), report };
  });
}

const FENCED: Sending = { sent: { kind: "fenced" }, waited_ms: {} };

/** The longest of the members': one that has little time left must not end the call for the others. */
function timeoutTogether_ms(group: readonly Member[], now_ms: number): number {
  return Math.max(...group.map(({ outgoing }) => timeoutOf_ms(outgoing, now_ms)));
}

/** Puts the ends of those that were sent back among those that another run has taken. */
function withFenced(result: Result, group: readonly Member[], mine: readonly boolean[]): Result {
  if (result.kind !== "answers" || result.answers.length === group.length) return result;
  const answers = result.answers.values();
  return { kind: "answers", answers: mine.map((sent) => (sent ? (answers.next().value as Sending) : FENCED)) };
}

type GroupCall = {
  readonly result: Result;
  /** Of the call as a whole, for the endpoint. */
  readonly verdict: Verdict;
  readonly answer: ModelAnswer;
  readonly dispatched_ms: number;
};

async function callGroup(
  deps: SendingDeps,
  permit: Permit,
  group: readonly Member[],
  waited_ms: Waits,
): Promise<GroupCall> {
  const { job } = (group[0] as Member).outgoing;
  const dispatched_ms = deps.clock.now_ms();
  const timeout_ms = timeoutTogether_ms(group, dispatched_ms);
  const body = mergeCalls(group.map(({ call }) => call));
  const answer = await permit.client.call({ path: pathFor(job.kind), body, timeout_ms, id: job.id });
  const of = (verdict: Verdict): Sending => ({
    sent: { kind: "judged", verdict, endpoint: permit.endpoint, dispatched_ms },
    waited_ms,
  });
  if (answer.kind !== "answered" || answer.status !== 200) {
    const verdict = judged(deps, group[0] as Member, answer);
    const spoiled = answer.kind === "answered" && spoils(answer.status) && group.length > 1;
    if (spoiled) await Promise.all(group.map(({ outgoing }) => outgoing.attempt.failed(false)));
    const result: Result = { kind: spoiled ? "spoiled" : "failed", failure: of(verdict) };
    return { result, verdict, answer, dispatched_ms };
  }
  const split = splitAnswer(
    answer.body,
    group.map(({ call }) => call),
  );
  if (split.kind === "mismatch") {
    const verdict: Verdict = { kind: "failed", ...failure("200, unusable", split.message) };
    // Paid for, and of no use: what is sent again is paid for twice.
    if (group.length > 1) await Promise.all(group.map(({ outgoing }) => outgoing.attempt.failed(true)));
    return { result: { kind: "unbatchable", failure: of(verdict) }, verdict, answer, dispatched_ms };
  }
  const verdicts = split.answers.map((part, index) => judged(deps, group[index] as Member, { ...answer, body: part }));
  return { result: { kind: "answers", answers: verdicts.map(of) }, verdict: whole(verdicts), answer, dispatched_ms };
}

function judged(deps: SendingDeps, { outgoing }: Member, answer: ModelAnswer): Verdict {
  const { job, body, model } = outgoing;
  return judge(job.kind, answer, body, { prices: deps.prices, model, batched: false });
}

/** The parts' verdicts as one, with all that they used. */
function whole(verdicts: readonly Verdict[]): Verdict {
  const first = verdicts[0] as Verdict;
  if (first.kind === "failed") return first;
  const prompt_tokens = verdicts.reduce((sum, { usage }) => sum + (usage?.prompt_tokens ?? 0), 0);
  return { ...first, usage: { ...first.usage, prompt_tokens } };
}
