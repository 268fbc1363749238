/**
 * Several embeddings requests as one call: sent together, answered apart; where one spoils it, it alone fails, and one whose deadline
 * passes leaves while the call goes on for the others.
 */

import type { Permit } from "./backend.ts";
import { type EmbeddingsCall, mergeCalls } from "./batching/embeddings.ts";
import { type Isolated, isolateFailures, type SendResult, spoils } from "./batching/isolate.ts";
import { splitAnswer } from "./batching/split-answer.ts";
import { pathFor } from "./call.ts";
import { callSpan } from "./call-spans.ts";
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

/** What is shared by the calls that members come to. */
type Party = {
  readonly took: (latency_ms: number) => void;
  /** Members that another run has taken. */
  readonly fenced: Set<Member>;
  /** Members that ended before their call did: nothing is sent or written for them any more. */
  readonly gone: ReadonlySet<Member>;
  readonly leave: (member: Member, sending: Sending) => void;
};

/** @param took told how long each call to the model took. @returns an end for each member, in their order, once it has one. */
export function sendTogether(
  deps: SendingDeps,
  members: readonly Member[],
  took: (latency_ms: number) => void,
): readonly Promise<Sending>[] {
  const early = new Map(members.map((member) => [member, Promise.withResolvers<Sending>()]));
  const gone = new Set<Member>();
  const leave: Party["leave"] = (member, sending) => {
    gone.add(member);
    early.get(member)?.resolve(sending);
  };
  const party = { took, fenced: new Set<Member>(), gone, leave };
  const ends = isolateFailures(members, (group) => sendGroup(deps, group, party));
  return members.map((member, index) => {
    const end = ends.then((all) => {
      // What became of a call that it was not part of says nothing of it.
      if (party.fenced.has(member)) return FENCED;
      const own = all[index] as Isolated<Sending, Sending>;
      return own.kind === "answered" ? own.answer : own.failure;
    });
    return Promise.race([early.get(member)?.promise ?? end, end]);
  });
}

async function sendGroup(deps: SendingDeps, all: readonly Member[], party: Party): Promise<Result> {
  const { fenced, gone, took } = party;
  const group = all.filter((member) => !gone.has(member));
  if (group.length === 0) return { kind: "answers", answers: all.map(() => FENCED) };
  const permit = await deps.backend.permit(needsOf(group.map(({ outgoing }) => outgoing)));
  const { waited_ms } = permit;
  if (permit.kind === "refused") return { kind: "failed", failure: { sent: permit, waited_ms } };
  return withPermit(permit, async () => {
    const now_ms = deps.clock.now_ms();
    const until_ms = now_ms + timeoutTogether_ms(group, now_ms);
    const mine = await Promise.all(group.map(({ outgoing }) => outgoing.attempt.dispatch(until_ms)));
    const live = group.filter((_, index) => mine[index]);
    for (const member of group) if (!live.includes(member)) fenced.add(member);
    if (live.length === 0) return { sent: { kind: "answers", answers: all.map(() => FENCED) }, report: undefined };
    const { result, verdict, answer, dispatched_ms } = await callGroup(deps, permit, live, party);
    const prompt_tokens = live.reduce((sum, { outgoing }) => sum + outgoing.body.prompt_tokens, 0);
    const { outgoing } = live[0] as Member;
    const of = { outgoing, endpoint: permit.endpoint, sizes: { prompt_tokens } };
    const report = reportOf(deps, { verdict, answer, dispatched_ms, ...of });
    took(report.latency_ms);
    return { sent: withFenced(result, all, new Set(live)), report };
  });
}

const FENCED: Sending = { sent: { kind: "fenced" }, waited_ms: {} };

/** The longest of the members': one that has little time left must not end the call for the others. */
function timeoutTogether_ms(group: readonly Member[], now_ms: number): number {
  return Math.max(...group.map(({ outgoing }) => timeoutOf_ms(outgoing, now_ms)));
}

/** Puts the ends of those that were sent back among those that were not. */
function withFenced(result: Result, all: readonly Member[], live: ReadonlySet<Member>): Result {
  if (result.kind !== "answers" || result.answers.length === all.length) return result;
  const answers = result.answers.values();
  const answers_of_all = all.map((member) => (live.has(member) ? (answers.next().value as Sending) : FENCED));
  return { kind: "answers", answers: answers_of_all };
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
  { gone, leave }: Party,
): Promise<GroupCall> {
  const { endpoint, waited_ms } = permit;
  const { job } = (group[0] as Member).outgoing;
  const dispatched_ms = deps.clock.now_ms();
  const timeout_ms = timeoutTogether_ms(group, dispatched_ms);
  const body = mergeCalls(group.map(({ call }) => call));
  const of = (verdict: Verdict): Sending => ({
    sent: { kind: "judged", verdict, endpoint, dispatched_ms },
    waited_ms,
  });
  const timers = group.flatMap((member) => {
    const own_ms = timeoutOf_ms(member.outgoing, dispatched_ms);
    if (own_ms >= timeout_ms) return [];
    // As it would end by itself: a call that did not answer in time.
    return deps.clock.after(own_ms, () => leave(member, of(judged(deps, member, { kind: "timeout" }))));
  });
  const span = callSpan(
    deps.tracing,
    group.map(({ outgoing }) => outgoing),
    endpoint,
  );
  const trace = span === undefined ? {} : { trace: span.headers };
  const answer = await permit.client.call({ path: pathFor(job.kind), body, timeout_ms, id: job.id, ...trace });
  for (const timer of timers) timer.cancel();
  const failedAll = (unknown: boolean) =>
    Promise.all(group.flatMap((member) => (gone.has(member) ? [] : member.outgoing.attempt.failed(unknown))));
  if (answer.kind !== "answered" || answer.status !== 200) {
    const verdict = judged(deps, group[0] as Member, answer);
    const spoiled = answer.kind === "answered" && spoils(answer.status) && group.length > 1;
    if (spoiled) await failedAll(false);
    const result: Result = { kind: spoiled ? "spoiled" : "failed", failure: of(verdict) };
    span?.end({ verdict, answer });
    return { result, verdict, answer, dispatched_ms };
  }
  const split = splitAnswer(
    answer.body,
    group.map(({ call }) => call),
  );
  if (split.kind === "mismatch") {
    const verdict: Verdict = { kind: "failed", ...failure("200, unusable", split.message) };
    // Paid for, and of no use: what is sent again is paid for twice.
    if (group.length > 1) await failedAll(true);
    span?.end({ verdict, answer });
    return { result: { kind: "unbatchable", failure: of(verdict) }, verdict, answer, dispatched_ms };
  }
  const verdicts = split.answers.map((part, index) => judged(deps, group[index] as Member, { ...answer, body: part }));
  const verdict = whole(verdicts);
  span?.end({ verdict, answer });
  return { result: { kind: "answers", answers: verdicts.map(of) }, verdict, answer, dispatched_ms };
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
