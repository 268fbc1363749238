/** Everything that must hold in the flow. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { callsArePaidOnce } from "./attempts.ts";
import { answersStayWithTheirTenant, type CacheView } from "./cache-invariants.ts";
import { type FlowView, oneResultPerRequest, poisonBecomesDeadLetters } from "./flow-invariants.ts";
import { both, jobs, LEDGER_GROUP, names, STAGES } from "./flow-stages.ts";
import { boundsHold, commitsFollowConsequences, type Invariant, orderIsKept } from "./invariants.ts";
import { capsHold, countersAreTheLedger, type MoneyView } from "./money-invariants.ts";
import type { Plans } from "./plans.ts";
import type { Stores } from "./stores.ts";

export function moneyInvariants(view: FlowView, stores: Stores, plans: Plans, clock: Clock): Invariant[] {
  const money: MoneyView = {
    topics: { usage: names.usage, admitted: both(names.admitted), results: names.results },
    plans,
    stores,
    now_ms: () => clock.now_ms(),
    isBuried: (subject, log) => log.visible(names.dlq).some((letter) => view.index.subjectOf(letter) === subject),
  };
  return [capsHold(money), countersAreTheLedger(money)];
}

export function cacheInvariants(stores: Stores, coalesce: CacheView["coalesce"], clock: Clock): Invariant[] {
  const topics = {
    admitted: both(names.admitted),
    jobs,
    results: names.results,
    usage: names.usage,
    cache: names.cache,
  };
  return [answersStayWithTheirTenant({ topics, stores, coalesce, now_ms: () => clock.now_ms() })];
}

export function flowInvariants(view: FlowView, stores: Stores): Invariant[] {
  const { index, topics } = view;
  const subjectOf = (record: InRecord): string | undefined => index.subjectOf(record);
  // Refusals overtake what is still being worked on: order is promised along one path only.
  const paths = STAGES.flatMap(({ name, inputs, outputs }) => {
    const refusals = [names.outcomes, names.deferred];
    const main = outputs.filter((output) => !refusals.includes(output) || name === "inference");
    return inputs.flatMap((input) => main.map((output) => [input, output] as const));
  });
  const isDone = (record: InRecord, group: string): boolean =>
    group === LEDGER_GROUP ? stores.told.has(`${record.partition}@${record.offset}`) : index.isDone(record, group);
  const ordered = (record: InRecord): string | undefined => index.soleSubjectOf(record, topics.requests);
  return [
    commitsFollowConsequences(isDone, subjectOf),
    boundsHold(),
    oneResultPerRequest(view),
    poisonBecomesDeadLetters(view),
    callsArePaidOnce(stores),
    ...paths.map(([input, output]) => orderIsKept(input, output, ordered)),
  ];
}
