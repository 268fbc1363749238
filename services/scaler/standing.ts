/** What the scaler knows and hands on: from round to round, to those who stand by, and to the next leader. Pure. */

import type { Settings } from "../../libs/shared/config/schema.ts";
import type { ScaleDecision, TargetLoad } from "../../libs/shared/scaling/contract.ts";
import type { Desired, DesiredTarget } from "../../libs/shared/scaling/desired.ts";
import type { RateForecast } from "../../libs/shared/scaling/forecast.ts";
import { type Asked, type Look, loadsOf } from "../../libs/shared/scaling/loads.ts";
import { decide, type ScaleState } from "../../libs/shared/scaling/policy.ts";
import { targetName } from "../../libs/shared/scaling/target.ts";

export type GroupStanding = {
  readonly group: string;
  readonly topic: string;
  readonly lag: number;
  /** Null where the broker did not tell. */
  readonly oldest_age_ms: number | null;
};

export type Standing = Desired & {
  readonly groups: readonly GroupStanding[];
  readonly members: Readonly<Record<string, number>>;
  /** By the target's name. */
  readonly states: Readonly<Record<string, ScaleState>>;
  readonly asked: Readonly<Record<string, Asked>>;
};

export type BrokerFacts = Look["broker"] & { readonly members: ReadonlyMap<string, number> };

export type FullLook = Look & { readonly broker: BrokerFacts };

export type Forecaster = (target: string, now_ms: number) => RateForecast | undefined;

export type Round = {
  readonly standing: Standing;
  readonly loads: readonly TargetLoad[];
  readonly decisions: readonly ScaleDecision[];
};

/** One round of decisions on what was standing before. */
export function decideAll(
  settings: Settings,
  looks: { readonly before: Look; readonly now: FullLook; readonly last?: Look },
  last: Standing | undefined,
  forecast: Forecaster,
): Round {
  const asked = new Map(Object.entries(last?.asked ?? {}));
  const loads = loadsOf({ settings, ...looks, asked });
  const decided = loads.map((load) => {
    const name = targetName(load.target);
    return { name, load, ...decide(load, last?.states[name] ?? {}, settings.scaling, forecast(name, load.at_ms)) };
  });
  const { at_ms, broker } = looks.now;
  return {
    loads,
    decisions: decided.map(({ decision }) => decision),
    standing: {
      at_ms,
      targets: decided.map(({ decision, load }) => desiredTarget(decision, load)),
      groups: broker.backlogs,
      members: Object.fromEntries(broker.members),
      states: Object.fromEntries(decided.map(({ name, state }) => [name, state])),
      asked: Object.fromEntries(
        decided.map(({ name, decision: { desired } }) => {
          const before = asked.get(name);
          return [name, before?.desired === desired ? before : { desired, since_ms: at_ms }];
        }),
      ),
    },
  };
}

/** What others may see of it. A decision that no other follows in time holds, and is said to. */
export function desiredOf({ at_ms, held, targets }: Standing, now_ms: number, stale_ms: number): Desired {
  const age_ms = now_ms - at_ms;
  const why = held ?? (age_ms > stale_ms ? `the last decision is ${Math.round(age_ms / 1_000)} s old` : undefined);
  return { at_ms, ...(why === undefined ? {} : { held: why }), targets };
}

function desiredTarget(decision: ScaleDecision, load: TargetLoad): DesiredTarget {
  const { target, replicas, desired, wanted, reason, why } = decision;
  const { lag_records, oldest_age_ms, arrivals_per_s, utilisation } = load;
  const rounded = { arrivals_per_s: rounding(arrivals_per_s), utilisation: rounding(utilisation) };
  return {
    ...target,
    replicas,
    desired,
    wanted,
    reason,
    why,
    load: { lag_records, oldest_age_ms: Math.round(oldest_age_ms), ...rounded },
  };
}

function rounding(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
