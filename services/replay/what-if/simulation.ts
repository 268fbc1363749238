/**
 * Recorded requests through ingest, router and inference as they would decide with the given settings, in virtual time. One request's
 * way, each step at its own moment:
 *
 * 1. `arrive`: judged and reserved for when it came; refused, deferred (and asked again when it is due), or admitted;
 * 2. `#route`: after as long as it took then, the cache answers, it waits for an identical one, or it gets its tier;
 * 3. `#call`: the recorded answer in place of a call; when that ends, what was held is settled and the cache filled.
 *
 * Its Result is known as soon as its call begins: only who waits holds back those behind. Pure but for its own state.
 */
import type { Answer, Refusal } from "../../../libs/shared/budgets/admission-store.ts";
import { MemoryAdmissionStore } from "../../../libs/shared/budgets/memory-store.ts";
import type { ResultError } from "../../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { KEY_HEADER } from "../../../libs/shared/events/headers.ts";
import type { Ending } from "../../../libs/shared/events/outcomes.ts";
import type { Reservation } from "../../../libs/shared/events/usage.ts";
import { toldOf } from "../../ingest/admission.ts";
import { isLowered } from "../../ingest/consequences.ts";
import { Deferrals } from "../../ingest/deferral.ts";
import { askOf, type Judged } from "../../ingest/reading.ts";
import { keyTakenError, refusalError } from "../../ingest/refusals.ts";
import { settlementOf } from "../../results/settlement.ts";
import type { CacheAsk } from "../../router/cache/contract.ts";
import { hitEnding, notCachedError, routeOfJob } from "../../router/endings.ts";
import type { LookedUp } from "../../router/handler.ts";
import type { Replayed } from "../contract.ts";
import { type AnswerContext, predictCall } from "./answers.ts";
import type { SimulatedCache } from "./cache.ts";
import { type PredictedEnd, type ReplayMarking, type Subject, toReplayed } from "./predicted.ts";
import type { Prepared } from "./preparing.ts";
import type { Report } from "./report.ts";
import type { Rules } from "./rules.ts";
import type { Timeline } from "./timeline.ts";

export type SimulationDeps = {
  readonly rules: Rules;
  readonly timeline: Timeline;
  readonly cache: SimulatedCache;
  readonly answers: AnswerContext;
  readonly report: Report;
  readonly mark: ReplayMarking;
};

/** Where a request's run ends; told once. */
export type Place = {
  settle(replayed: Replayed | undefined): void;
  /** It waits for room, for who knows how long: how that wait is ended. */
  waits(giveUp: () => void): void;
};

/** A request under way. */
type Run = Prepared & { readonly place: Place; deferrals: number };
type Admitted = Run & { readonly head: AdmittedHead; readonly admitted_ms: number };

/** What has ended is let go of about so often. */
const FORGET_MS = 3_600_000;

export class Simulation {
  readonly #deps: SimulationDeps;
  readonly #store: MemoryAdmissionStore;
  readonly #deferrals = new Deferrals();
  #entries = 0;
  #forgot_ms = 0;

  private constructor(deps: SimulationDeps, store: MemoryAdmissionStore) {
    this.#deps = deps;
    this.#store = store;
  }

  /** All counters begin at nought. */
  static async open(deps: SimulationDeps): Promise<Simulation> {
    const store = new MemoryAdmissionStore({ ...deps.rules.store_options, clock: deps.timeline });
    const restoring = await store.begin();
    await restoring?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
    return new Simulation(deps, store);
  }

  /** At `prepared.at_ms`, or when it is later than that already. What was due before is done first. */
  async arrive(prepared: Prepared, place: Place): Promise<void> {
    const { timeline, report } = this.#deps;
    await timeline.passTo(prepared.at_ms);
    this.#forget();
    report.arrived(prepared.recorded.received_ms);
    await this.#enter({ ...prepared, place, deferrals: 0 }, prepared.judged, false);
  }

  /** Goes on until nothing waits any more. @param stopped asked between the steps: true ends it there. */
  async finish(stopped: () => boolean): Promise<void> {
    const { timeline } = this.#deps;
    for (let next = timeline.next_ms; next !== undefined && !stopped(); next = timeline.next_ms) {
      await timeline.passTo(next);
    }
  }

  async #enter(run: Run, judged: Judged | undefined, reentry: boolean): Promise<void> {
    const { report } = this.#deps;
    if (judged === undefined || run.is_internal) {
      if (judged === undefined) report.unreadable();
      else report.repeated();
      run.place.settle(this.#nothing(run));
      return;
    }
    const [answer] = await this.#store.reserve([askOf(judged, reentry)]);
    this.#answered(run, judged, answer as Answer);
  }

  /** As `services/ingest/consequences.ts` has it. */
  #answered(run: Run, judged: Judged, answer: Answer): void {
    const { admission } = judged;
    switch (answer.kind) {
      case "lost":
      case "repeated":
      case "conflict":
        this.#deps.report.repeated();
        run.place.settle(this.#nothing(run));
        return;
      case "key_taken":
        this.#refuse(run, judged, keyTakenError(answer));
        return;
      case "refused":
        this.#deferOrRefuse(run, judged, answer.refusal);
        return;
      default: {
        const reservation = answer.kind === "known" ? undefined : answer.reservation;
        if (admission.kind === "refuse") this.#refuse(run, judged, admission.error, admission.status, reservation);
        else if (reservation !== undefined) this.#admit(run, judged, admission.head, reservation);
      }
    }
  }

  #deferOrRefuse(run: Run, judged: Judged, refusal: Refusal): void {
    const { rules, timeline, report } = this.#deps;
    const { admission, record } = judged;
    const { tenant } = admission.identity;
    const now_ms = timeline.now_ms();
    report.refusal(tenant, refusal, now_ms);
    const { session, user, deadline_ms, lane = "interactive" } = admission.kind === "admit" ? admission.head : {};
    const subjects = { tenant, session, user, key_id: record.headers[KEY_HEADER] };
    const refuse = (): void => this.#refuse(run, judged, refusalError(refusal, subjects, timeline.now_ms()));
    const on_limit = admission.kind === "admit" ? admission.request.on_limit : "reject";
    const facts = { refusal, on_limit, lane, deadline_ms, now_ms, settings: rules.settings.admission.deferred };
    const due_ms = this.#deferrals.defer(subjects, facts)?.due_ms;
    if (due_ms === undefined) {
      refuse();
      return;
    }
    if (run.deferrals === 0) report.deferred();
    run.deferrals += 1;
    const timer = timeline.at(due_ms, () => this.#enter(run, rules.enter(run.recorded, due_ms, due_ms)?.judged, true));
    run.place.waits(() => {
      timer.cancel();
      report.givenUp();
      refuse();
    });
  }

  #admit(run: Run, judged: Judged, head: AdmittedHead, reservation: Reservation): void {
    const { timeline, answers } = this.#deps;
    const lowered = isLowered(judged, reservation)
      ? { tiers: [...(judged.lower_tiers ?? [])], tiers_by: "budget" as const }
      : {};
    const admitted_ms = timeline.now_ms();
    const admitted = { ...run, head: { ...head, reservation, ...lowered }, admitted_ms };
    const lag_ms = (run.deferrals === 0 ? run.known?.lag_ms : undefined) ?? answers.typical.lag_ms;
    timeline.at(admitted_ms + lag_ms, () => this.#route(admitted, false));
  }

  /** As `services/router/handler.ts` has it. @param waited for an identical one's answer. */
  #route(run: Admitted, waited: boolean): void {
    const { cache, rules, timeline } = this.#deps;
    const { head, view, vector } = run;
    const now_ms = timeline.now_ms();
    const { ask } = view ?? { ask: { bypass: "it was not read" } };
    if (waited) cache.waited();
    const looked =
      "bypass" in ask ? { kind: "bypass" as const, why: ask.bypass } : cache.lookUp(ask, vector, now_ms, waited);
    if (looked.kind === "wait") {
      timeline.at(looked.until_ms, () => this.#route(run, true));
      return;
    }
    if (looked.kind === "hit") {
      this.#end(run, { ending: { ...hitEnding(looked.hit), timing: this.#timing(run, now_ms) }, hit: looked.hit });
      return;
    }
    if (head.cache?.mode === "only") {
      this.#refuseRouted(run, notCachedError(looked));
      return;
    }
    if (view === undefined) throw new Error("an admitted request was not read");
    const routing = rules.choose(head, run.request, view, vector);
    if (routing.kind === "refused") this.#refuseRouted(run, routing.error);
    else this.#call(run, routeOfJob(routing.route, looked as LookedUp));
  }

  #call(run: Admitted, route: ReturnType<typeof routeOfJob>): void {
    const { answers, cache, timeline } = this.#deps;
    const { head, view, known, request, estimated, vector } = run;
    const now_ms = timeline.now_ms();
    const streams = view?.read.body?.["stream"] === true;
    const ask = { head, route, streams, request_bytes: request.length, estimated, known, now_ms };
    const predicted = predictCall(ask, answers);
    const { duration_ms, first_token_ms, response } = predicted;
    const ends_ms = now_ms + duration_ms;
    const first_token = first_token_ms === undefined ? {} : { first_token: now_ms + first_token_ms };
    const timing = { ...this.#timing(run, now_ms), ...first_token, completed: ends_ms };
    const ending = { ...predicted.ending, timing };
    const entry = writes(view?.ask);
    if (entry !== undefined) cache.endsAt(entry, ends_ms);
    this.#end(run, {
      ending,
      ...(response === undefined ? {} : { response }),
      estimated: predicted.estimated,
    });
    if (entry === undefined) return;
    timeline.at(ends_ms, () => {
      if (ending.status === "succeeded" && ending.complete === true && ending.route !== undefined) {
        const { tier, model } = ending.route;
        const cost_usd = ending.usage?.cost_usd ?? 0;
        const times = { created_ms: ends_ms, expires_ms: ends_ms + entry.ttl_ms };
        cache.put(entry, { ...times, tier, model, cost_usd }, vector, response);
      }
      cache.ended(entry);
    });
  }

  #refuseRouted(run: Admitted, error: ResultError): void {
    const now_ms = this.#deps.timeline.now_ms();
    const entry = writes(run.view?.ask);
    if (entry !== undefined) this.#deps.cache.ended(entry);
    this.#end(run, { ending: { status: "rejected", error, timing: this.#timing(run, now_ms) } });
  }

  #refuse(
    run: Run,
    { admission }: Judged,
    error: ResultError,
    status: "rejected" | "expired" = "rejected",
    reservation?: Reservation,
  ): void {
    const completed = this.#deps.timeline.now_ms();
    const ending: Ending = { status, error, timing: { received: run.recorded.received_ms, completed } };
    const about = admission.kind === "refuse" ? admission.told : toldOf(admission.head);
    const subject = { ...admission.identity, ...about, ...(reservation === undefined ? {} : { reservation }) };
    this.#tell(run, subject, { ending });
  }

  #end(run: Admitted, end: PredictedEnd): void {
    this.#tell(run, run.head, end);
  }

  /** Its Result, now; the ledger's word on what was held, when it ends. */
  #tell(run: Run, subject: Subject, end: PredictedEnd): void {
    const { mark, report, rules, timeline } = this.#deps;
    const { known, recorded, place } = run;
    const { tenant, id } = subject;
    const { latency_ms, ...replayed } = toReplayed(recorded, known, subject, end, mark);
    const before =
      known === undefined ? undefined : { ...known.ending, latency_ms: latencyOf(known.ending, recorded.received_ms) };
    report.add(tenant, before, { ...end.ending, latency_ms }, end.estimated === true);
    place.settle(replayed);
    const ends_ms = Math.round(end.ending.timing.completed ?? timeline.now_ms());
    const { content_hash, reservation } = subject;
    const held = reservation === undefined ? {} : { reservation };
    const entry = settlementOf({ id, tenant, content_hash, ...held, ...end.ending }, ends_ms);
    const context = rules.plans.contextOf(tenant);
    if (entry === undefined || context === undefined) return;
    timeline.at(ends_ms, async () => {
      this.#entries += 1;
      await this.#store.apply([{ partition: 0, offset: String(this.#entries), entry, ...context }]);
    });
  }

  #timing({ recorded, admitted_ms }: Admitted, routed_ms: number): Ending["timing"] {
    return { received: recorded.received_ms, admitted: admitted_ms, routed: routed_ms, completed: routed_ms };
  }

  #nothing({ recorded }: Run): Replayed {
    return { recorded, fate: "without_record", calls: 0, cost_nusd: 0 };
  }

  #forget(): void {
    const now_ms = this.#deps.timeline.now_ms();
    if (now_ms - this.#forgot_ms < FORGET_MS) return;
    this.#forgot_ms = now_ms;
    this.#store.forgetEnded();
  }
}

function latencyOf({ timing }: Ending, received_ms: number): number | undefined {
  return timing.completed === undefined ? undefined : timing.completed - received_ms;
}

/** The entry that its answer goes to; undefined where it is not kept. */
function writes(ask: CacheAsk | { readonly bypass: string } | undefined): CacheAsk | undefined {
  return ask !== undefined && !("bypass" in ask) && ask.writes ? ask : undefined;
}
