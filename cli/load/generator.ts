/**
 * Sends a run's requests when they are due. Arrivals are an open loop; the further turns of a session follow its answers, as a person does:
 * the next one is due a think time after the last was answered, and its latency counts from then.
 */
import type { Ask, Message } from "./body.ts";
import type { Door } from "./door.ts";
import { drawVisit, type Turn, type Visit } from "./draw.ts";
import type { Answer, Recorder } from "./recorder.ts";
import { type DoorName, doorOf, type Scenario } from "./scenario.ts";

export type GeneratorOptions = {
  readonly scenario: Scenario;
  readonly run: string;
  /** Every how many-th arrival is this worker's, and the first of them. */
  readonly share: { readonly index: number; readonly of: number };
  /** In ms from the start, of all workers. */
  readonly arrivals: Iterable<number>;
  readonly start_ms: number;
  readonly doors: Readonly<Partial<Record<DoorName, Door>>>;
  readonly recorder: Recorder;
  /** Epoch ms. */
  readonly now_ms: () => number;
  /** Waits so long, or until the run is stopped. */
  readonly sleep: (wait_ms: number) => Promise<void>;
  /** No request begins after it. */
  readonly signal: AbortSignal;
};

/** Overdue requests that are sent in a row. */
const HURRIED_MAX = 64;

/** Resolves when all that was begun has ended. */
export async function generate(options: GeneratorOptions): Promise<void> {
  const { scenario, run, share, arrivals, start_ms, recorder, now_ms, sleep, signal } = options;
  const open_max = Math.ceil(scenario.in_flight_max / share.of);
  const open = new Set<Promise<void>>();
  let index = -1;
  let hurried = 0;
  for (const at_ms of arrivals) {
    index += 1;
    if (index % share.of !== share.index) continue;
    const due_ms = start_ms + at_ms;
    // A timer rounds to whole milliseconds: what is due within one goes now.
    hurried = due_ms > now_ms() ? 0 : hurried + 1;
    for (let left = due_ms - now_ms(); left > 0 && !signal.aborted; left = due_ms - now_ms()) await sleep(left);
    // Also who is behind must hear of answers.
    if (hurried % HURRIED_MAX === HURRIED_MAX - 1) await sleep(0);
    if (signal.aborted) break;
    if (open.size >= open_max) {
      recorder.notSent(due_ms);
      continue;
    }
    const visit = pay(options, drawVisit(scenario, run, index), due_ms).finally(() => open.delete(visit));
    open.add(visit);
  }
  await Promise.all(open);
}

/** One visit: a request, or the turns of a session. */
async function pay(options: GeneratorOptions, visit: Visit, due_ms: number): Promise<void> {
  const { recorder, now_ms, sleep, signal } = options;
  if (visit.template.session === undefined) {
    await turn(options, visit, 0, visit.turns[0] as Turn, [], due_ms);
    return;
  }
  recorder.count("sessions_begun");
  const history: Message[] = [];
  let cost_nusd = 0;
  let next_ms = due_ms;
  for (const [number, one] of visit.turns.entries()) {
    if (number > 0) {
      next_ms += one.think_ms;
      for (let left = next_ms - now_ms(); left > 0 && !signal.aborted; left = next_ms - now_ms()) await sleep(left);
      if (signal.aborted) return;
    }
    const answer = await turn(options, visit, number, one, history, next_ms);
    if (answer === undefined) return recorder.count("sessions_broken");
    history.push({ role: "user", content: one.prompt }, { role: "assistant", content: answer.text });
    cost_nusd += answer.cost_nusd;
    next_ms = answer.ended_ms;
  }
  recorder.session(due_ms, next_ms, cost_nusd);
}

/** @returns the answer, where it is a good one. */
async function turn(
  { scenario, run, share, doors, recorder, now_ms }: GeneratorOptions,
  { index, template }: Visit,
  number: number,
  { prompt, output_tokens }: Turn,
  history: readonly Message[],
  due_ms: number,
): Promise<Answer | undefined> {
  const name = doorOf(scenario, template);
  const door = doors[name];
  if (door === undefined) return undefined;
  const visit = `${prefixOf(run, share.index)}${index}`;
  const ask: Ask = {
    id: `${visit}.${number}`,
    template,
    messages: [...history, { role: "user", content: prompt }],
    output_tokens,
    session: template.session === undefined ? undefined : visit,
    due_ms,
  };
  const sent_ms = now_ms();
  recorder.sent(due_ms, sent_ms);
  if (name === "topic") recorder.count("topic_sent");
  let before_ms: number | undefined;
  const ended = await door.ask(ask, scenario.timeout, (at_ms) => {
    if (before_ms === undefined) recorder.firstToken(due_ms, at_ms);
    else recorder.betweenTokens(at_ms - before_ms);
    before_ms = at_ms;
  });
  if (ended.kind === "failed") recorder.failed(due_ms, ended.code);
  else if (ended.kind === "timed_out") recorder.timedOut(due_ms);
  else if (ended.kind === "interrupted") recorder.count("interrupted");
  if (ended.kind !== "answered") return undefined;
  recorder.answered(due_ms, sent_ms, ended.answer);
  if (name === "topic") recorder.count("topic_answered");
  return ended.answer;
}

/** What the ids and keys of a worker's requests begin with. */
export function prefixOf(run: string, worker: number): string {
  return `${run}-${worker}-`;
}
