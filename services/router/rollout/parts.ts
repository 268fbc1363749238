/** Wires rollouts: their states are followed, and one router at a time moves those that move by themselves. */
import { Counter, Gauge } from "prom-client";
import { systemClock } from "../../../libs/shared/clock.ts";
import { controlRecord } from "../../../libs/shared/events/control.ts";
import type { RedisClient } from "../../../libs/shared/redis/client.ts";
import { keepLead } from "../../../libs/shared/redis/leader.ts";
import { untilAvailable } from "../../../libs/shared/retry.ts";
import { changeProblem, changeText } from "../../../libs/shared/rollout/changes.ts";
import { RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import type { Rollouts } from "./contract.ts";
import { RolloutController } from "./controller.ts";
import { followResults, rolloutReader } from "./readers.ts";
import { BookedRollouts, percentOf } from "./view.ts";

/** The lead passes on when its router has not looked for so many intervals. */
const LEAD_INTERVALS = 3;

export type RolloutParts = {
  readonly rollouts: Rollouts;
  /** What keeps the service from being ready, in words. */
  problems(): string[];
  stop(): Promise<void>;
};

export async function startRollouts(context: ServiceContext, redis: RedisClient): Promise<RolloutParts> {
  const { settings, kafka, codec, names, producer, log, retry, instance, metrics } = context;
  const { rollout } = settings.routing;
  const book = new RolloutBook(
    ({ change }) => changeProblem(change, settings),
    ({ name, change }, why) =>
      log.warn({ rollout: name, change: changeText(change), why }, "a rollout is not followed"),
  );
  const reader = rolloutReader({ kafka, codec, topic: names.control, retry }, book);
  await untilAvailable(retry, names.control, () => reader.start());
  const moves = new Counter({
    name: "sluice_rollout_moves_total",
    help: "Rollouts that the router moved by itself, by what they were moved to",
    labelNames: ["name", "status"],
    registers: [metrics],
  });
  new Gauge({
    name: "sluice_rollout_percent",
    help: "Part of the requests that has the new side of a rollout, in per cent",
    labelNames: ["name"],
    registers: [metrics],
    collect() {
      this.reset();
      for (const { state } of book.all()) this.set({ name: state.name }, percentOf(state));
    },
  });
  const controller = new RolloutController({
    book,
    settings: rollout,
    isLeader: () => keepLead(redis, "rollouts", instance, LEAD_INTERVALS * rollout.check_interval_ms),
    follow: (from_ms, add) => followResults({ kafka, codec, topic: names.results, retry }, from_ms, add),
    announce: (state) => producer.publish([controlRecord(codec, names.control, state)]),
    clock: systemClock,
    log,
    moved: ({ name, status }) => moves.inc({ name, status }),
  });
  controller.start();
  return {
    rollouts: new BookedRollouts(book),
    problems: () => (reader.caught_up ? [] : ["the rollouts are not read yet"]),
    async stop() {
      await controller.stop();
      await reader.stop();
    },
  };
}
