/**
 * Whether an answer is the request's, or one that the next tier is to better (escalation) or to judge (draft and verify). Decided
 * once, from what the job and its answer say; the ledger keeps the decision with the answer, so that a repeat does the same. Pure.
 */
import type { Usage } from "../../libs/shared/events/fields.ts";
import type { Draft, JobHead, Onward } from "../../libs/shared/events/flow.ts";
import { nusd } from "../../libs/shared/money.ts";
import type { Answer } from "../../libs/shared/redis/attempt-entry.ts";
import type { Failed } from "./after-failure.ts";
import { decided, draftStands, routeOfDraft } from "./endings.ts";
import { answerBound_nusd, expected_nusd, type HopAsk, isHeld, judgeBound_nusd } from "./hop-cost.ts";
import { isJudgeable, JUDGE_YES_MIN, type Judgement, judgementOf } from "./judge.ts";
import { PROVIDER_OUTCOMES } from "./provider-outcomes.ts";
import { addsLogprobs, type HopSettings, isOurs, nextTier } from "./shaping.ts";
import { weakness } from "./weakness.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A longer answer is not passed on: it stands. */
const DRAFT_BYTES_MAX = 256 * 1024;
/** Of a job's record beside the request and the draft. */
const HEAD_BYTES = 64 * 1024;

/** @param answer the hop's own, with what all hops have cost. @param usage what this call has cost. @param request as the job carries it. */
export function afterAnswer(
  settings: HopSettings,
  job: JobHead,
  request: Buffer,
  answer: Answer,
  usage: Usage,
): Answer {
  const { routing } = settings;
  const judges = job.draft?.judge === true;
  const may_go = routing.escalation.enabled || routing.strategy === "draft_and_verify";
  if (answer.response === undefined || (!judges && (!may_go || !isOurs(job)))) return answer;
  const { body } = JSON.parse(request.toString()) as { body: Fields };
  const response = JSON.parse(answer.response.toString()) as Fields;
  const around: Around = { settings, job, body, answer };
  if (judges) return judged(around, judgementOf(response));
  if (body["stream"] === true) return answer;
  const mine = addsLogprobs(settings, job, body) ? withoutLogprobs(answer, response) : answer;
  return (
    escalated({ ...around, answer: mine }, response, usage) ??
    verified({ ...around, answer: mine }, response, usage) ??
    mine
  );
}

/** The same for a hop whose calls have failed, but for one that was cancelled: there is an answer already. */
export function afterFailedHop(
  settings: HopSettings,
  job: JobHead & { readonly draft: Draft },
  request: Buffer,
  answer: Answer,
  failed: Failed,
): Answer {
  // A judge that refuses the question says nothing of the draft, and may still take the request itself.
  const refused = PROVIDER_OUTCOMES[failed.outcome].end === "answered" && answer.ending.unknown_calls === undefined;
  if (job.draft.judge !== true || !refused) return draftStands(job, job.draft, answer.ending);
  const { body } = JSON.parse(request.toString()) as { body: Fields };
  return judged({ settings, job, body, answer }, { accepted: false, detail: `unclear (${failed.error.code})` });
}

type Around = { readonly settings: HopSettings; readonly job: JobHead; readonly body: Fields; readonly answer: Answer };

function escalated({ settings, job, body, answer }: Around, response: Fields, usage: Usage): Answer | undefined {
  const { escalation } = settings.routing;
  const tier = nextTier(settings, job);
  if (!escalation.enabled || tier === undefined || !fits(settings, body, answer)) return undefined;
  const found = weakness(response, body, escalation);
  if (found === undefined) return undefined;
  const ask: HopAsk = { settings, job, body, tier, known: { model: modelOf(answer), usage } };
  const spent = answer.ending.usage ?? usage;
  const first_usd = job.first?.cost_usd ?? usage.cost_usd;
  const most = (escalation.cost_factor_max ?? Number.POSITIVE_INFINITY) * nusd(first_usd);
  if (!isHeld(job, spent, answerBound_nusd(ask)) || nusd(spent.cost_usd) + expected_nusd(ask) > most) return undefined;
  const detail = `${found.why}: ${found.detail}`;
  const route = routeTo(settings, answer, tier, `escalated from ${job.route.tier}`, { by: "escalation", detail });
  return { ...answer, onward: onwardTo(job, answer, { ...route, escalated_from: job.route.tier }, false) };
}

/** The first tier's answer goes before the next one, where there is money for its judgement. */
function verified({ settings, job, body, answer }: Around, response: Fields, usage: Usage): Answer | undefined {
  const tier = nextTier(settings, job);
  if (settings.routing.strategy !== "draft_and_verify" || job.draft !== undefined || tier === undefined)
    return undefined;
  if (!isJudgeable(response) || !fits(settings, body, answer)) return undefined;
  const ask: HopAsk = { settings, job, body, tier, known: { model: modelOf(answer), usage } };
  if (!isHeld(job, usage, judgeBound_nusd(ask, answer.response as Buffer))) return undefined;
  const route = routeTo(settings, answer, tier, `judges ${job.route.tier}`, { by: "judge", detail: "draft" });
  return { ...answer, onward: onwardTo(job, answer, route, true) };
}

/** The judge has spoken: the draft is the answer, or the same tier answers, as another hop. */
function judged({ settings, job, body, answer }: Around, { accepted, detail, score }: Judgement): Answer {
  const draft = job.draft as Draft;
  const { tier } = job.route;
  const scored = score === undefined ? {} : { score, threshold: JUDGE_YES_MIN };
  const { ending } = answer;
  const given = (why: string, complete: boolean | undefined): Answer => {
    const decision = { by: "judge" as const, detail: why, ...scored };
    const { route: _route, error: _error, complete: _complete, ...rest } = ending;
    return {
      ending: {
        ...rest,
        status: "succeeded",
        route: routeOfDraft(job, draft, ending, decision),
        ...(complete === undefined ? {} : { complete }),
      },
      response: Buffer.from(draft.response),
    };
  };
  if (accepted) return given(`accepted by ${tier}`, draft.complete);
  const drafted = job.spent;
  const affordable =
    drafted !== undefined &&
    isHeld(
      job,
      ending.usage ?? drafted,
      answerBound_nusd({ settings, job, body, tier, known: { model: draft.model, usage: drafted } }),
    );
  if (!affordable)
    return given(`${detail} by ${tier}, and what is held does not suffice for its own answer`, job.fill && false);
  const by = { by: "judge" as const, detail: `${detail} by ${tier}`, ...scored };
  const route = {
    ...routeTo(settings, answer, tier, `did not take ${draft.tier}'s answer`, by),
    escalated_from: draft.tier,
  };
  const { response: _response, judge: _judge, ...kept } = draft;
  return {
    ending,
    response: Buffer.from(draft.response),
    onward: { hop: hopAfter(job), route, first: firstOf(job, ending.usage), draft: kept },
  };
}

function onwardTo(job: JobHead, { ending }: Answer, route: JobHead["route"], judge: boolean): Onward {
  const own = ending.route ?? job.route;
  return {
    hop: hopAfter(job),
    route,
    first: firstOf(job, ending.usage),
    draft: {
      tier: own.tier,
      model: own.model,
      route: own,
      ...(ending.complete === undefined ? {} : { complete: ending.complete }),
      ...(judge ? { judge } : {}),
    },
  };
}

function hopAfter({ hop = 0 }: JobHead): number {
  return hop + 1;
}

function firstOf(job: JobHead, usage: Usage | undefined): Onward["first"] {
  return job.first ?? { tier: job.route.tier, cost_usd: usage?.cost_usd ?? 0 };
}

type Why = Parameters<typeof decided>[1];

function routeTo(settings: HopSettings, { ending }: Answer, tier: string, what: string, why: Why): JobHead["route"] {
  const { decision, cache = "miss", attempts = 0 } = ending.route ?? {};
  const reason = `${what} (${why.detail})`;
  const model = settings.tiers[tier]?.models[0] ?? tier;
  return { tier, model, reason, cache, attempts, decision: decided(decision, why) };
}

function modelOf({ ending }: Answer): string {
  return ending.route?.model ?? "";
}

/** The next job's record carries both: each within what a topic takes. Escaped as text, a draft may take twice its bytes. */
function fits({ topics }: HopSettings, body: Fields, { response }: Answer): boolean {
  const draft_bytes = response?.length ?? 0;
  if (draft_bytes > DRAFT_BYTES_MAX) return false;
  return Buffer.byteLength(JSON.stringify(body)) + 2 * draft_bytes + HEAD_BYTES <= topics.record_bytes_max;
}

/** As the caller asked for it: without. */
function withoutLogprobs(answer: Answer, response: Fields): Answer {
  const choices = response["choices"] as readonly Fields[];
  if (!choices.some(({ logprobs }) => logprobs !== null && logprobs !== undefined)) return answer;
  const plain = { ...response, choices: choices.map((choice) => ({ ...choice, logprobs: null })) };
  return { ...answer, response: Buffer.from(JSON.stringify(plain)) };
}
