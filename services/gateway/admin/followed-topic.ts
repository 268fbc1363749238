/**
 * A topic that is read for people: from when somebody asks until nobody has asked for a while. Then what it had come to is forgotten, and
 * the next who asks waits for another reading.
 */
import type { Kafka } from "kafkajs";
import { type Clock, sleepUntil, type Timer } from "../../../libs/shared/clock.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { type ReadFrom, TopicReader } from "../../../libs/shared/kafka/reader.ts";

export type FollowedOptions<State> = {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly topic: string;
  readonly from: () => ReadFrom;
  readonly empty: () => State;
  readonly apply: (state: State, record: InRecord) => void | Promise<void>;
};

/** Nobody has asked for so long: it is read no more. */
const IDLE_MS = 300_000;
const WAIT_MS_MAX = 20_000;
const LOOK_MS = 50;

type Reading<State> = { readonly state: State; readonly reader: Pick<TopicReader, "caught_up" | "stop"> };

export class FollowedTopic<State> {
  readonly #options: FollowedOptions<State>;
  readonly #stopping = new AbortController();
  #reading: Promise<Reading<State>> | undefined;
  #idle: Timer | undefined;

  constructor(options: FollowedOptions<State>) {
    this.#options = options;
  }

  /** As the topic is now. @throws retryable while Kafka is away, or its end is not reached in time. */
  async ask(): Promise<State> {
    const { clock, topic } = this.#options;
    this.#idle?.cancel();
    this.#idle = clock.after(IDLE_MS, () => void this.#forget());
    this.#reading ??= this.#start();
    const reading = this.#reading;
    const { state, reader } = await reading.catch((error: unknown) => {
      if (this.#reading === reading) this.#reading = undefined;
      throw error;
    });
    const until_ms = clock.now_ms() + WAIT_MS_MAX;
    while (!reader.caught_up) {
      if (clock.now_ms() >= until_ms || this.#stopping.signal.aborted) {
        throw unavailable("kafka", new Error(`the end of ${topic} was not reached in time`));
      }
      await sleepUntil(clock, LOOK_MS, [this.#stopping.signal]);
    }
    return state;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#idle?.cancel();
    await this.#forget();
  }

  async #start(): Promise<Reading<State>> {
    const { kafka, topic, from, empty, apply } = this.#options;
    const state = empty();
    const reader = new TopicReader(kafka, {
      topic,
      from: from(),
      until_end: false,
      async records(records) {
        for (const record of records) await apply(state, record);
      },
    });
    try {
      await reader.start();
    } catch (error) {
      await reader.stop().catch(() => undefined);
      throw error;
    }
    return { state, reader };
  }

  async #forget(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    await reading?.then(({ reader }) => reader.stop()).catch(() => undefined);
  }
}
