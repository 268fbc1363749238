/** 2,000 open streams in one gateway while tokens are written to all of them; it is killed in the midst of it, and everybody comes back. */
import { setTimeout as sleep } from "node:timers/promises";
import { sample } from "../../support/processes.ts";
import type { Figure } from "../../support/report.ts";
import { announce, drive } from "../driver.ts";
import { type Followed, follow } from "../reader.ts";
import { type Differences, differences, type Script, scriptOf } from "../script.ts";
import { type Bench, type Scenario, type StreamsStack, TENANT } from "../stack.ts";

const READERS = 2_000;
/** One token a second on each stream is 2,000 a second in all, each a write, a word, a read and an event. */
const STEP_MS = 1_000;
const RESIDENT_MIB_MAX = 300;
/** Connections that are opened at once. */
const RAMP = 100;
const RAMP_MS = 50;
const OPEN_MS_MAX = 60_000;
const IDLE_MS = 3_000;

export const open: Scenario = {
  name: "open",
  summary: `${READERS} readers in one gateway, a token a second each; it is killed, and all go on with Last-Event-ID`,
  seconds: 60,
  async run(bench) {
    const stack = await bench.start({});
    const idle = sample([stack.gateway()]);
    await sleep(IDLE_MS, undefined, { signal: bench.signal });
    const idle_mib = idle.stop().get("gateway")?.resident_mib_max ?? Number.NaN;
    const scripts = Array.from({ length: READERS }, (_, at) => scriptOf(at, `open-${at}`, bench.seconds));
    const options = { ...stack, tenant: TENANT, step_ms: STEP_MS, signal: bench.signal };
    await announce(scripts, options);
    const counts = { events: 0, opened: 0 };
    const readers = await openAll(stack, scripts, counts, bench);
    bench.say(`${counts.opened} streams are open`);
    const first = sample([stack.gateway()]);
    const driven = drive(scripts, options);
    await sleep((bench.seconds / 2) * 1_000, undefined, { signal: bench.signal });
    const opened = counts.opened;
    const before = first.stop().get("gateway");
    const events = counts.events;
    bench.say(`the gateway is killed after ${events} events`);
    await stack.killGateway();
    const second = sample([stack.gateway()]);
    const { dropped } = await driven;
    const followed = await Promise.all(readers);
    const after = second.stop().get("gateway");
    return [
      { name: "streams open at once", value: opened, unit: "", target: { at_least: READERS } },
      ...resident("before the kill", before?.resident_mib_max, idle_mib),
      ...resident("after it", after?.resident_mib_max, idle_mib),
      { name: "events until the kill", value: events, unit: "" },
      { name: "CPU of the gateway, each event", value: (before?.cpu_ms ?? Number.NaN) / events, unit: "ms" },
      { name: "readers that came back", value: returned(followed), unit: "", target: { at_least: READERS } },
      ...verdicts(scripts, followed),
      { name: "events that the writer gave up", value: dropped, unit: "", target: { at_most: 0 } },
    ];
  },
};

/** Resolves once all are open. @returns what each got, once it has ended. */
async function openAll(
  { eventsUrl, headers }: StreamsStack,
  scripts: readonly Script[],
  counts: { events: number; opened: number },
  { signal }: Bench,
): Promise<readonly Promise<Followed>[]> {
  const readers: Promise<Followed>[] = [];
  for (const { id } of scripts) {
    const got = (): boolean => {
      counts.events += 1;
      return true;
    };
    const opened = (): void => {
      counts.opened += 1;
    };
    readers.push(follow({ url: () => eventsUrl(id), headers, got, opened, signal }));
    if (readers.length % RAMP === 0) await sleep(RAMP_MS, undefined, { signal });
  }
  const give_up_ms = performance.now() + OPEN_MS_MAX;
  while (counts.opened < scripts.length) {
    if (performance.now() > give_up_ms)
      throw new Error(`only ${counts.opened} streams are open (see the gateway's log)`);
    await sleep(RAMP_MS, undefined, { signal });
  }
  return readers;
}

function resident(when: string, value = Number.NaN, idle_mib: number): readonly Figure[] {
  const name = `memory of the gateway ${when}`;
  const beside = { name: "without streams", value: idle_mib };
  return [{ name, value, unit: "MiB", target: { at_most: RESIDENT_MIB_MAX }, beside }];
}

function returned(followed: readonly Followed[]): number {
  return followed.filter(({ connections }) => connections > 1).length;
}

/** What is right of what readers got. */
export function verdicts(scripts: readonly Script[], followed: readonly Followed[]): readonly Figure[] {
  const all = scripts.map((script, at) => differences(script, followed[at]?.events ?? []));
  const sum = (name: keyof Differences): number => all.reduce((total, one) => total + one[name], 0);
  const target = { at_most: 0 };
  return [
    { name: "events missing", value: sum("missing"), unit: "", target },
    { name: "events repeated", value: sum("repeated"), unit: "", target },
    { name: "readers with another order, or no end", value: sum("odd"), unit: "", target },
    {
      name: "readers told after the end that there is no more",
      value: followed.filter(({ status_after_end }) => status_after_end === 204).length,
      unit: "",
      target: { at_least: scripts.length },
    },
  ];
}
