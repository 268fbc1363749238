/** Wires the replay service: runs the replays that were asked for in the console, one at a time. What a run needs is read in when one starts. */
import { randomUUID } from "node:crypto";
import { Counter, Gauge } from "prom-client";
import { systemClock } from "../../libs/shared/clock.ts";
import { migrate } from "../../libs/shared/postgres/migrations.ts";
import { postgresProblem } from "../../libs/shared/postgres/readiness.ts";
import { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { startRounds } from "../../libs/shared/rounds.ts";
import { runService, type ServiceContext } from "../../libs/shared/service.ts";
import { endpointVariables } from "./endpoint-variables.ts";
import { forgetOld } from "./forgetting.ts";
import { type OpenParts, openParts } from "./parts.ts";
import { summaryOf } from "./summary.ts";

const LOOK_MS = 1_000;
const AWAY_MS = 5_000;
const FORGET_EVERY_MS = 3_600_000;

await runService("replay", process.env, async (context) => {
  const { settings, retry, log } = context;
  const parts: OpenParts = openParts({
    ...context,
    variables: endpointVariables(settings, process.env),
    summarise: (replay) => summaryOf(parts, replay),
  });
  await untilAvailable(retry, "postgres", () => migrate(parts.pool));
  const store = new PostgresReplayStore(parts.pool);
  const observe = observed(context);
  const owner = `${context.instance}-${randomUUID()}`;
  const runs = startRounds({
    clock: systemClock,
    async round(stopping) {
      const now_ms = systemClock.now_ms();
      const replay = await store.lease(owner, now_ms, now_ms + settings.replay.lease_ms);
      if (replay === undefined) return LOOK_MS;
      const [{ runDeps }, { runReplay }] = await Promise.all([import("./open.ts"), import("./run.ts")]);
      log.info({ replay: replay.id, mode: replay.spec.mode, status: replay.status }, "running a replay");
      const deps = runDeps(parts, { store, left_as: "asked", onProgress: observe.progress });
      const end = await runReplay(deps, replay, owner, stopping);
      log.info({ replay: replay.id, end }, "the replay stands");
      observe.ended(replay, end);
      return 0;
    },
    failed(error) {
      log.warn({ error }, "replays could not be looked for or run");
      return AWAY_MS;
    },
  });
  const forgetting = startRounds({
    clock: systemClock,
    async round() {
      const forgotten = await forgetOld({ ...parts, store }, systemClock.now_ms());
      return forgotten === 0 ? FORGET_EVERY_MS : LOOK_MS;
    },
    failed(error) {
      log.debug({ error }, "old replays could not be taken away");
      return FORGET_EVERY_MS;
    },
  });
  return {
    ready: () => postgresProblem(parts.pool),
    async stop() {
      await Promise.all([runs.stop(), forgetting.stop()]);
      await parts.close();
    },
  };
});

function observed({ metrics }: ServiceContext) {
  const ends = new Counter({
    name: "sluice_replays_total",
    help: "Previews and runs of replays, by how they ended",
    labelNames: ["mode", "end"],
    registers: [metrics],
  });
  const left = new Gauge({
    name: "sluice_replay_records_left",
    help: "Records that the replay under way has still to pass",
    registers: [metrics],
  });
  const in_flight = new Gauge({
    name: "sluice_in_flight",
    help: "Replays under way",
    registers: [metrics],
  });
  new Gauge({
    name: "sluice_in_flight_limit",
    help: "Replays that may be under way at once",
    registers: [metrics],
  }).set(1);
  return {
    progress({ totals }: Replay): void {
      in_flight.set(1);
      left.set(totals.of - totals.passed);
    },
    ended({ spec }: Replay, end: string): void {
      in_flight.set(0);
      left.set(0);
      ends.inc({ mode: spec.mode, end });
    },
  };
}
