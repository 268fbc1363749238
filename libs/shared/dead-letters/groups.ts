/** Dead letters by reason: the code, the service that gave up, and the topic they stood on. Pure; bounded in groups. */
import { type DeadLetter, type Handled, stateOf } from "./letter.ts";

export type Sample = {
  readonly place: string;
  /** Undefined where the record cannot be read. */
  readonly tenant?: string;
  readonly id?: string;
  readonly message: string;
};

export type ReasonGroup = {
  readonly code: string;
  readonly service: string;
  /** That they stood on; `unknown` where no service wrote them. */
  readonly topic: string;
  readonly count: number;
  readonly waiting: number;
  readonly redriven: number;
  readonly dropped: number;
  /** Epoch ms. */
  readonly first_ms: number;
  readonly last_ms: number;
  /** The latest, of those that wait where some do. */
  readonly sample: Sample;
};

/** A service writes a handful of codes; whatever else stands on the topic is counted together beyond so many. */
const GROUPS_MAX = 500;
const OTHERS = "others";

type Group = { -readonly [Name in keyof ReasonGroup]: ReasonGroup[Name] } & { sample_ms: number; waits: boolean };

export class ReasonGroups {
  readonly #groups = new Map<string, Group>();

  add(letter: DeadLetter, handled: Handled | undefined): void {
    const { code, service } = letter;
    const topic = letter.original?.topic ?? "unknown";
    const name = `${code} ${service} ${topic}`;
    const others = this.#groups.size >= GROUPS_MAX && !this.#groups.has(name);
    if (others) this.#count(OTHERS, { code: OTHERS, service: OTHERS, topic: OTHERS }, letter, handled);
    else this.#count(name, { code, service, topic }, letter, handled);
  }

  /** Places of the letters that stand for their groups, so that somebody who can read them says whose they are. */
  samples(): readonly string[] {
    return [...this.#groups.values()].map(({ sample }) => sample.place);
  }

  /** The largest number of waiting letters first. @param known by place, of samples: whose request it is. */
  list(known: ReadonlyMap<string, { readonly tenant: string; readonly id: string }> = new Map()): ReasonGroup[] {
    const groups = [...this.#groups.values()].map(({ sample_ms: _, waits: __, ...group }): ReasonGroup => {
      const { place, message } = group.sample;
      return { ...group, sample: { place, ...known.get(place), message } };
    });
    return groups.sort((one, other) => other.waiting - one.waiting || other.count - one.count);
  }

  #count(
    name: string,
    reason: Pick<ReasonGroup, "code" | "service" | "topic">,
    letter: DeadLetter,
    handled: Handled | undefined,
  ): void {
    const { at_ms, place, message } = letter;
    const group: Group = this.#groups.get(name) ?? {
      ...reason,
      count: 0,
      waiting: 0,
      redriven: 0,
      dropped: 0,
      first_ms: at_ms,
      last_ms: at_ms,
      sample: { place, message },
      sample_ms: at_ms,
      waits: false,
    };
    const state = stateOf(handled);
    const waits = state === "waiting";
    group.count += 1;
    group[state] += 1;
    group.first_ms = Math.min(group.first_ms, at_ms);
    group.last_ms = Math.max(group.last_ms, at_ms);
    if ((waits && !group.waits) || (waits === group.waits && at_ms >= group.sample_ms)) {
      group.sample = { place, message };
      group.sample_ms = at_ms;
    }
    group.waits ||= waits;
    this.#groups.set(name, group);
  }
}
