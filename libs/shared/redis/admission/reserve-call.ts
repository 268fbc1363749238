/** An ask as the script's keys and arguments, and its reply as an answer. Pure. */
import type { Answer, Ask, Crossing, Needs, RateAsk, RateRoom, Refusal } from "../../budgets/admission-store.ts";
import { type CounterRef, type CounterScope, countersOf, windowEnd_ms } from "../../budgets/scopes.ts";
import { counterExpires_ms, dayOf, inCheckOrder, rateName } from "../../budgets/store-names.ts";
import { type AdmissionStoreOptions, IN_FLIGHT_RETRY_MS, REFUSAL_TTL_MS } from "../../budgets/store-options.ts";
import { reservationField } from "../../events/usage.ts";
import { idempotencyKey } from "../idempotency.ts";
import { seenKey } from "../job-keys.ts";
import { askedArgument, rateArgument, type Taken } from "./global-call.ts";
import type { Homes } from "./homes.ts";
import { counterKey, epochKey, holdKey, holdsKey, inFlightKey, quotaKey, rateKey, trippedKey } from "./keys.ts";

/** The life of the counters as the caller knows it. */
export type Life = {
  readonly epoch: string;
  readonly run_id: string;
  /** In a cluster: what a rebuild had read when it began, by partition of `llm.usage`. One Redis has it among what is applied. */
  readonly floors?: ReadonlyMap<string, string>;
};

export function lifeText({ epoch, run_id }: Life): string {
  return `${epoch} ${run_id}`;
}

/** A call of a script. */
export type Call = { readonly keys: readonly string[]; readonly args: readonly string[] };

export type ReserveCall = Call & {
  readonly ask: Ask;
  readonly life: Life;
  readonly hold_id: string;
  readonly counters: readonly CounterRef[];
};

type CallContext = {
  readonly life: Life;
  /** The server's time as the caller estimates it: windows are named by it, and the script refuses another day's. */
  readonly now_ms: number;
  readonly hold_id: string;
  readonly options: AdmissionStoreOptions;
  readonly homes: Homes;
  /** What the global limits said, where they were asked before. */
  readonly taken?: Taken | undefined;
};

export function reserveCall(ask: Ask, context: CallContext): ReserveCall {
  const { life, now_ms, hold_id, options, homes } = context;
  const { tenant, id, needs } = ask;
  const { epoch } = life;
  const counters = needs === undefined ? [] : countersOf(needs, now_ms);
  const rates = needs === undefined ? [] : inCheckOrder(needs.rates);
  const seen = seenKey(tenant, id);
  const home = homes.of(tenant);
  const keys = [
    epochKey(home),
    holdKey(epoch, tenant, id),
    holdsKey(epoch, home),
    seen,
    inFlightKey(epoch, tenant),
    trippedKey(tenant),
    ask.idempotency === undefined ? seen : idempotencyKey(tenant, ask.idempotency),
    ...counters.map((counter) => counterKey(epoch, tenant, counter)),
    // A limit that was asked before is none of the script's: any key stands for its own.
    ...rates.map((rate) => (isAsked(rate, homes) ? seen : rateKey(tenant, rate, ""))),
    ...rates.map((rate) => (isAsked(rate, homes) ? seen : quotaKey(tenant, rate, dayOf(now_ms), ""))),
  ];
  const argument = {
    life: lifeText(life),
    day: dayOf(now_ms),
    id,
    member: `${tenant}/${id}`,
    content_hash: ask.content_hash,
    place: ask.place,
    has_own_id: ask.has_own_id,
    reentry: ask.reentry,
    turn: ask.turn,
    defers: ask.defers,
    idempotent: ask.idempotency !== undefined,
    seen_ttl_ms: options.seen_ttl_ms,
    idempotency_ttl_ms: options.idempotency_ttl_ms,
    refusal_ttl_ms: REFUSAL_TTL_MS,
    in_flight_retry_ms: IN_FLIGHT_RETRY_MS,
    // As text: Lua's JSON prints fewer digits than it reads.
    alert_at: alertTexts(options.alert_at),
    needs: needs === undefined ? undefined : needsArgument(needs, counters, rates, context),
  };
  const hold = { hold_id, counters, rates };
  const [before, after] = needs === undefined ? ["", ""] : holdTexts(needs, hold);
  const lower_nusd = needs?.lower_nusd;
  const lower = lower_nusd === undefined ? [] : [holdTexts({ ...needs, reserved_nusd: lower_nusd } as Needs, hold)[0]];
  return { keys, args: [JSON.stringify(argument), before, after, ...lower], ask, life, hold_id, counters };
}

function isAsked({ scope }: RateAsk, homes: Homes): boolean {
  return scope === "global" && homes.global() !== undefined;
}

/** Lowest first. */
export function alertTexts(alert_at: readonly number[]): string[] {
  return alert_at.toSorted((one, other) => one - other).map(String);
}

function needsArgument(
  needs: Needs,
  counters: readonly CounterRef[],
  rates: readonly RateAsk[],
  { now_ms, options, homes, taken }: CallContext,
): object {
  return {
    reserved: needs.reserved_nusd,
    lower: needs.lower_nusd,
    tokens: needs.tokens,
    expires_ms: needs.expires_ms,
    in_flight_max: needs.in_flight_max,
    counters: counters.map((counter) => ({
      scope: counter.scope,
      cap: needs.caps_nusd[counter.scope],
      resets_ms: windowEnd_ms(counter.scope, now_ms),
      // Windows end when they end; a session lasts from when it last moved.
      lasts_ms: counter.scope === "session" ? options.session_ttl_ms : undefined,
      expires_ms: counterExpires_ms(counter, now_ms, options.session_ttl_ms),
    })),
    rates: rates.map((rate) => (isAsked(rate, homes) ? askedArgument(taken) : rateArgument(rate))),
  };
}

/** The hold's JSON around the time that the server writes into it. */
function holdTexts(
  needs: Needs,
  hold: {
    readonly hold_id: string;
    readonly counters: readonly CounterRef[];
    readonly rates: readonly RateAsk[];
  },
): [string, string] {
  const { reserved_nusd, tokens, expires_ms } = needs;
  const fields = { hold_id: hold.hold_id, reserved_nusd, tokens, counters: hold.counters, expires_ms };
  const minutely = hold.rates.filter(
    (rate) => rate.requests_per_minute !== undefined || rate.tokens_per_minute !== undefined,
  );
  const rates = minutely.map((rate) => chargedText(rate.algorithm, rateName(rate)));
  return [`${JSON.stringify(fields).slice(0, -1)},"at_ms":`, `,"rates":${JSON.stringify(rates)}}`];
}

/** How a rate was charged for a hold, and its name: `s` a sliding window, `b` a bucket. */
export function chargedText(algorithm: RateAsk["algorithm"], name: string): string {
  return `${algorithm === "sliding_window" ? "s" : "b"}${name}`;
}

/** What a script says of the caller's view: the counters' life or the day is another than the call named. */
export type Stale = { readonly stale: "epoch" | "day" };

type RoomReply = [number, number, number] | [];

export function reserveAnswer(call: ReserveCall, reply: readonly unknown[]): Answer | Stale {
  const { ask, life } = call;
  const { id } = ask;
  const [kind, now_ms, ...rest] = reply as [string, number, ...unknown[]];
  if (kind === "epoch" || kind === "day") return { stale: kind };
  if (kind === "known" || kind === "conflict") return { kind, id };
  if (kind === "repeated") return { kind, id: String(rest[0]) };
  if (kind === "key_taken") return { kind, id, first_id: String(rest[0]), same_content: rest[1] === 1 };
  if (kind === "refused") return { kind, id, refusal: parseRefusal(String(rest[0])) };
  if (kind === "redelivered") {
    return { kind, id, reservation: reservationField.parse(JSON.parse(String(rest[0]))), epoch: life.epoch };
  }
  if (kind !== "admitted" || ask.needs === undefined) throw new Error(`unknown reply of the admission script: ${kind}`);
  const { tokens, caps_nusd } = ask.needs;
  const { hold_id, counters } = call;
  const [requests, tokenRoom, crossings, reserved] = rest as [RoomReply, RoomReply, unknown[], string];
  const reserved_nusd = Number(reserved);
  return {
    kind,
    id,
    reservation: { hold_id, reserved_nusd, tokens, counters: [...counters], at_ms: now_ms },
    epoch: life.epoch,
    room: { ...roomOf("requests", requests), ...roomOf("tokens", tokenRoom) },
    crossings: crossingsOf(ask.tenant, counters, caps_nusd, crossings),
  };
}

function roomOf(name: keyof RateRoom, reply: RoomReply): RateRoom {
  if (reply.length === 0) return {};
  const [limit, left, reset_ms] = reply;
  return { [name]: { limit, left, reset_ms } };
}

/** @param flat counter's number (from 1), threshold, used; repeated. */
export function crossingsOf(
  tenant: string,
  counters: readonly CounterRef[],
  caps_nusd: Readonly<Partial<Record<CounterScope, number>>>,
  flat: readonly unknown[],
): Crossing[] {
  const crossings: Crossing[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    const counter = counters[Number(flat[at]) - 1];
    if (counter === undefined) continue;
    const cap_nusd = caps_nusd[counter.scope] ?? 0;
    crossings.push({ tenant, ...counter, threshold: Number(flat[at + 1]), cap_nusd, used_nusd: Number(flat[at + 2]) });
  }
  return crossings;
}

/** @param text `! <reason> <scope> <limit> <left> <needed> <retry_after_ms or -> <turn or ->`. */
function parseRefusal(text: string): Refusal {
  const [, reason, scope, limit, left, needed, retry] = text.split(" ");
  return {
    reason: reason as Refusal["reason"],
    scope: scope as Refusal["scope"],
    limit: Number(limit),
    left: Number(left),
    needed: Number(needed),
    ...(retry === "-" ? {} : { retry_after_ms: Number(retry) }),
  };
}
