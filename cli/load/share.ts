/** One worker's share of a run: opens the doors that it needs, sends its arrivals, and hands over what became of them. */
import { setTimeout as sleep } from "node:timers/promises";
import { openContext } from "../context.ts";
import { arrivals } from "./arrivals.ts";
import { type Door, preciseNow_ms } from "./door.ts";
import { generate, prefixOf } from "./generator.ts";
import { openHttpDoor } from "./http-door.ts";
import { durationOf, piecesOf } from "./phases.ts";
import { type Counts, type Recorded, Recorder } from "./recorder.ts";
import { type DoorName, doorOf, type Scenario } from "./scenario.ts";
import { stepLength } from "./steps.ts";
import { openTopicDoor } from "./topic-door.ts";

/** What a worker is told: JSON. */
export type Job = {
  readonly run: string;
  readonly scenario: Scenario;
  readonly share: { readonly index: number; readonly of: number };
  /** Undefined where no template goes by HTTP. */
  readonly gateway_url: string | undefined;
  /** API keys by tenant. */
  readonly keys: Readonly<Record<string, string>>;
  readonly is_mock: boolean;
};

export type Share = {
  /** Once. @param tell of the counts so far, every half second. */
  run(start_ms: number, tell: (counts: Counts) => void): Promise<Recorded>;
  stop(): void;
  close(): Promise<void>;
};

const TELL_MS = 500;

/** Resolves when every door is open. */
export async function openShare(job: Job): Promise<Share> {
  const { scenario, run, share } = job;
  const stopped = new AbortController();
  const { signal } = stopped;
  // Made when the run starts; Results that come before are nobody's.
  let recorder: Recorder | undefined;
  const doors = await openDoors(job, signal, () => recorder);
  return {
    async run(start_ms, tell) {
      const pieces = piecesOf(scenario.phases);
      const own = new Recorder(start_ms, stepLength(durationOf(pieces)));
      recorder = own;
      const telling = setInterval(() => tell(own.counts), TELL_MS);
      const used = process.cpuUsage();
      try {
        await generate({
          scenario,
          run,
          share,
          arrivals: arrivals(pieces, scenario.arrivals, scenario.seed),
          start_ms,
          doors,
          recorder: own,
          now_ms: preciseNow_ms,
          sleep: (wait_ms) => sleep(wait_ms, undefined, { signal }).catch(() => undefined),
          signal,
        });
      } finally {
        clearInterval(telling);
      }
      const { user, system } = process.cpuUsage(used);
      own.cpu((user + system) / 1e6);
      return own.recorded();
    },
    stop: () => stopped.abort(),
    async close() {
      await Promise.all(Object.values(doors).map((door) => door.close()));
    },
  };
}

async function openDoors(
  { run, scenario, share, gateway_url = "", keys, is_mock }: Job,
  signal: AbortSignal,
  recorder: () => Recorder | undefined,
): Promise<Partial<Record<DoorName, Door>>> {
  const wanted = new Set(scenario.templates.map((template) => doorOf(scenario, template)));
  const doors: Partial<Record<DoorName, Door>> = {};
  const connections_max = Math.ceil(scenario.in_flight_max / share.of);
  for (const name of wanted) {
    if (name === "topic") {
      doors.topic = await openTopicDoor(await openContext(process.env), {
        run,
        prefix: prefixOf(run, share.index),
        is_mock,
        seen: (due_ms, times) => recorder()?.inPipeline(due_ms, times),
        late: () => recorder()?.count("late"),
        signal,
      });
    } else {
      doors[name] = openHttpDoor({
        url: gateway_url,
        keys,
        stream: name === "http-stream",
        is_mock,
        connections_max,
        signal,
      });
    }
  }
  return doors;
}
