/** Looks at a running pipeline: beats, groups, what Postgres knows of before, and the newest records of a partition that has too many. */
import type { Kafka } from "kafkajs";
import type { BeatStore } from "../beats/beat.ts";
import type { Settings } from "../config/schema.ts";
import { type GroupsLook, readPartitionLoads } from "../kafka/partition-loads.ts";
import { type Rows, readBefore } from "./before.ts";
import { settingsFacts } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { findingsOf } from "./findings.ts";
import { readHotKey } from "./hot-keys.ts";
import type { HotKey, Observation } from "./observation.ts";
import { type Look, observe, withHotKeys } from "./observe.ts";
import { skewedPartitions } from "./rules/partitions.ts";
import { type StagePlan, stagePlans } from "./stages.ts";

export type LookingDeps = {
  readonly kafka: Kafka;
  readonly beats: Pick<BeatStore, "all">;
  readonly rows: Rows;
  readonly settings: Settings;
  readonly now_ms: () => number;
};

export type FullLook = Look & { readonly groups: GroupsLook };

export type Advice = {
  readonly at_ms: number;
  readonly seconds: number;
  readonly findings: readonly Finding[];
  readonly observation: Observation;
};

/** Partitions whose newest records are read, at the most. */
const HOT_MAX = 3;

export class PipelineLooks {
  readonly #deps: LookingDeps;
  readonly #plans: readonly StagePlan[];

  constructor(deps: LookingDeps) {
    this.#deps = deps;
    this.#plans = stagePlans(deps.settings);
  }

  /** Beats alone: cheap. @throws retryable while Redis is away. */
  async beats(): Promise<Look> {
    const { beats, now_ms } = this.#deps;
    return { beats: await beats.all(now_ms()), at_ms: now_ms() };
  }

  /** @throws retryable while Redis or Kafka is away. */
  async full(): Promise<FullLook> {
    const { kafka, now_ms } = this.#deps;
    const [look, groups] = await Promise.all([this.beats(), readPartitionLoads(kafka, this.#plans, now_ms)]);
    return { ...look, groups };
  }

  /**
   * What they say together. Without Postgres there is nothing to compare with, and no more.
   * @param between the oldest first.
   * @param keys whether hot keys are named.
   * @throws retryable while Kafka is away.
   */
  async advice(first: FullLook, between: readonly Look[], last: FullLook, keys: boolean): Promise<Advice> {
    const { settings, rows } = this.#deps;
    const before = await readBefore(rows, first.at_ms);
    const observation = observe(this.#plans, settingsFacts(settings), {
      beats: [first, ...between, last],
      groups_first: first.groups,
      groups_last: last.groups,
      before,
    });
    const hot = withHotKeys(observation, await this.#hotKeys(observation, keys));
    return { at_ms: hot.at_ms, seconds: hot.seconds, findings: findingsOf(hot), observation: hot };
  }

  async #hotKeys(observation: Observation, named: boolean): Promise<readonly HotKey[]> {
    const { kafka } = this.#deps;
    const suspects = skewedPartitions(observation).slice(0, HOT_MAX);
    const found = await Promise.all(suspects.map(({ load }) => readHotKey(kafka, load, named)));
    return found.filter((one) => one !== undefined);
  }
}
