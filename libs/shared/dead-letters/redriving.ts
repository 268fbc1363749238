/**
 * Redrives dead letters: what a letter causes is acknowledged before its row is written, so that a crash in between sends it a second
 * time and never not at all. A second time does no harm: the request has the same id.
 */
import { type Clock, sleepUntil } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import type { ResultStatus } from "../events/fields.ts";
import type { Publisher } from "../kafka/ports.ts";
import type { DeadLetterFilter } from "./filter.ts";
import type { DeadLetter } from "./letter.ts";
import { type LeftFate, planRedrive, type RedrivePlan, type RedrivePolicy } from "./plan.ts";
import { type HandledLetter, type ReadingDeps, readLetters } from "./reading.ts";
import { type Whose, whoseIs } from "./whose.ts";

export type RedriveOptions = {
  /** As `redriveId` makes it: one for all that is redriven at once. */
  readonly id: string;
  readonly by: string;
  readonly why?: string;
  readonly rate_per_s: number;
  /** Says what would be done, and does nothing. */
  readonly dry_run: boolean;
  readonly policy: RedrivePolicy;
};

/** Why a letter was left: the first ones of each reason. */
export type LeftLetter = {
  readonly place: string;
  readonly code: string;
  readonly fate: LeftFate;
  readonly message: string;
};

export type RedriveSummary = {
  readonly id: string;
  readonly dry_run: boolean;
  /** Fitted the selection. */
  readonly selected: number;
  /** Went on their way, and were run once more as requests of their own. */
  readonly sent_back: number;
  readonly run: number;
  readonly by_target: Readonly<Record<string, number>>;
  readonly looped: number;
  readonly already_ended: number;
  readonly impossible: number;
  /** Redriven or dropped before. */
  readonly handled_before: number;
  readonly left: readonly LeftLetter[];
  /** It ended before all were looked at. */
  readonly stopped: boolean;
};

export type Progress = { readonly passed: number; readonly of: number; readonly done: number };

export type RedrivingDeps = ReadingDeps & {
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** Of requests, by `<tenant> <id>`; those without a Result are left out. */
  readonly endings: (asked: readonly Whose[]) => Promise<ReadonlyMap<string, ResultStatus>>;
  /** The topic of the runs' Results; asked before the first run is sent. */
  readonly makeReplayTopic: (id: string) => Promise<void>;
};

/** Published together; a second's worth where that is less. */
const TOGETHER_MAX = 100;
const LEFT_MAX = 20;
/** Of the same code and fate, so that many of one leave room for others. */
const LEFT_ALIKE_MAX = 4;

type Sums = { -readonly [Name in Exclude<keyof RedriveSummary, "by_target" | "left">]: RedriveSummary[Name] } & {
  readonly by_target: Record<string, number>;
  readonly left: LeftLetter[];
};

/** @throws retryable while a part is away: what was sent is noted, and a repeat goes on with the rest. */
export async function redrive(
  deps: RedrivingDeps,
  filter: DeadLetterFilter,
  options: RedriveOptions,
  stopping: AbortSignal,
  progress: (progress: Progress) => void = () => {},
): Promise<RedriveSummary> {
  if (!(options.rate_per_s > 0)) throw new SluiceError("usage", "a redrive's rate must be above zero");
  const { id, dry_run } = options;
  const counts = { sent_back: 0, run: 0, looped: 0, already_ended: 0, impossible: 0, handled_before: 0 };
  const sums: Sums = { id, dry_run, selected: 0, ...counts, by_target: {}, left: [], stopped: false };
  const sending = new Sending(deps, options);
  for await (const { letters, passed, of } of readLetters(deps, filter)) {
    for (let at = 0; at < letters.length; at += sending.together) {
      if (stopping.aborted) return { ...sums, stopped: true };
      const some = letters.slice(at, at + sending.together);
      const plans = await plansFor(deps, options, some);
      const sent = plans.filter(({ plan }) => plan?.kind !== undefined && plan.kind !== "left");
      await sending.send(sent as Planned[], stopping);
      for (const one of plans) count(sums, one);
      progress({ passed, of, done: sums.sent_back + sums.run });
    }
    if (stopping.aborted && passed < of) return { ...sums, stopped: true };
    progress({ passed, of, done: sums.sent_back + sums.run });
  }
  return sums;
}

type Planned = { readonly letter: DeadLetter; readonly plan: RedrivePlan };
type Looked = { readonly letter: DeadLetter; readonly plan: RedrivePlan | undefined };

/** What would become of each; of those dealt with before there is no plan. */
async function plansFor(
  deps: RedrivingDeps,
  { id, policy }: Pick<RedriveOptions, "id" | "policy">,
  letters: readonly HandledLetter[],
): Promise<readonly Looked[]> {
  const waiting = letters.filter(({ handled }) => handled === undefined);
  const plans = await planAll(
    deps,
    policy,
    id,
    waiting.map(({ letter }) => letter),
  );
  const planOf = new Map(waiting.map(({ letter }, index) => [letter, plans[index]?.plan] as const));
  return letters.map(({ letter }) => ({ letter, plan: planOf.get(letter) }));
}

export type PlannedLetter = {
  readonly letter: DeadLetter;
  readonly whose: Whose | undefined;
  readonly ended: ResultStatus | undefined;
  readonly plan: RedrivePlan;
};

/** In the order of the letters. */
export async function planAll(
  deps: RedrivingDeps,
  policy: RedrivePolicy,
  redrive: string,
  letters: readonly DeadLetter[],
): Promise<readonly PlannedLetter[]> {
  const whose = await Promise.all(letters.map((letter) => whoseIs(deps.codec, deps.names, letter)));
  const known = whose.flatMap((one) => one ?? []);
  const endings = known.length === 0 ? new Map<string, ResultStatus>() : await deps.endings(known);
  return letters.map((letter, index) => {
    const of = whose[index];
    // Neither name holds a space.
    const ended = of === undefined ? undefined : endings.get(`${of.tenant} ${of.id}`);
    return { letter, whose: of, ended, plan: planRedrive(deps, policy, { letter, whose: of, ended, redrive }) };
  });
}

/** Sends at the redrive's rate, and writes down what was sent. */
class Sending {
  readonly together: number;
  readonly #deps: RedrivingDeps;
  readonly #options: RedriveOptions;
  #next_ms = 0;
  #has_topic = false;

  constructor(deps: RedrivingDeps, options: RedriveOptions) {
    this.#deps = deps;
    this.#options = options;
    this.together = Math.max(1, Math.min(TOGETHER_MAX, Math.floor(options.rate_per_s)));
  }

  async send(planned: readonly Planned[], stopping: AbortSignal): Promise<void> {
    const { publisher, rows, clock } = this.#deps;
    const { dry_run, rate_per_s, id, by, why } = this.#options;
    if (dry_run || planned.length === 0) return;
    const wait_ms = this.#next_ms - clock.now_ms();
    if (wait_ms > 0) await sleepUntil(clock, wait_ms, [stopping]);
    // What was planned before the stop is sent: its letters are counted as sent.
    const now_ms = clock.now_ms();
    this.#next_ms = Math.max(this.#next_ms, now_ms) + (1_000 * planned.length) / rate_per_s;
    if (planned.some(({ plan }) => plan.kind === "run")) await this.#makeTopic();
    await publisher.publish(planned.flatMap(({ plan }) => (plan.kind === "left" ? [] : [plan.record])));
    await rows.note(
      planned.flatMap(({ letter, plan }) => {
        if (plan.kind === "left") return [];
        const reason = why === undefined ? {} : { why };
        return [
          { letter, handled: { action: "redriven", at_ms: now_ms, by, ...reason, replay: id, target: plan.target } },
        ];
      }),
    );
  }

  async #makeTopic(): Promise<void> {
    if (!this.#has_topic) await this.#deps.makeReplayTopic(this.#options.id);
    this.#has_topic = true;
  }
}

function count(sums: Sums, { letter, plan }: Looked): void {
  sums.selected += 1;
  if (plan === undefined) {
    sums.handled_before += 1;
    return;
  }
  if (plan.kind === "left") {
    const { fate, message } = plan;
    sums[fate] += 1;
    const { place, code } = letter;
    const alike = sums.left.filter((one) => one.code === code && one.fate === fate).length;
    if (alike < LEFT_ALIKE_MAX && sums.left.length < LEFT_MAX) sums.left.push({ place, code, fate, message });
    return;
  }
  sums[plan.kind === "back" ? "sent_back" : "run"] += 1;
  sums.by_target[plan.target] = (sums.by_target[plan.target] ?? 0) + 1;
}
