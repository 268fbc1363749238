/** Wires the sinks that the settings name: each reads `llm.results` in a group of its own. */

import { systemClock } from "../../../libs/shared/clock.ts";
import type { SinkSettings } from "../../../libs/shared/config/outputs.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import { openFileStorage } from "../../../libs/shared/files/open.ts";
import type { Consumption } from "../../../libs/shared/kafka/consumption.ts";
import { KafkaTopicMaker } from "../../../libs/shared/kafka/topic-maker.ts";
import { planTopic } from "../../../libs/shared/kafka/topology.ts";
import { KafkaTransactions } from "../../../libs/shared/kafka/transactions.ts";
import { untilAvailable } from "../../../libs/shared/retry.ts";
import { deadLetterWriter, joinGroup, type ServiceContext } from "../../../libs/shared/service.ts";
import { transactionalDeadLetter } from "../handler.ts";
import { recordReader, sinkHandler } from "./handler.ts";
import { JsonlSink } from "./jsonl.ts";
import { KafkaSink } from "./kafka.ts";
import type { ReadRecord, Sink } from "./sink.ts";

export type RunningSinks = {
  /** By group. */
  readonly consumptions: ReadonlyMap<string, Consumption>;
  /** Writes what is gathered, then leaves the groups. */
  stop(): Promise<void>;
};

type Running = { readonly group: string; readonly consumption: Consumption; stop(): Promise<void> };

/** @param env has the variables that `url_env` names. @throws `settings_invalid` that names the variable. */
export async function startSinks(
  context: ServiceContext,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RunningSinks> {
  const sinks = Object.entries(context.settings.results.sinks);
  for (const [name, settings] of sinks) placeOf(name, settings, env);
  const running = await Promise.all(sinks.map(([name, settings]) => startSink(context, name, settings, env)));
  return {
    consumptions: new Map(running.map(({ group, consumption }) => [group, consumption])),
    async stop() {
      await Promise.all(running.map((one) => one.stop()));
    },
  };
}

async function startSink(
  context: ServiceContext,
  name: string,
  settings: SinkSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Running> {
  const { settings: all, names, retry } = context;
  const group = `${all.consumption.group_prefix}results.sink.${name}`;
  const transactions = new KafkaTransactions(context.kafka, {
    group,
    transaction_timeout_ms: all.results.transaction_timeout_ms,
    request_bytes_max: all.producer.request_bytes_max,
  });
  await untilAvailable(retry, group, () => transactions.connect());
  const dead_letters = deadLetterWriter(context, group);
  const { codec, producer } = context;
  const read = recordReader({ codec, publisher: producer, dead_letters, only: settings.only });
  const sink = await makeSink(context, { name, settings, transactions, read, url: placeOf(name, settings, env) });
  const consumption = await joinGroup(context, {
    group,
    topics: { [names.results]: "interactive" },
    order: "partition",
    commit_by: "handler",
    max_in_flight: all.results.partitions_in_flight_max,
    batch_records_max: all.consumption.batch_records_max,
    onLost: (partitions) => sink.lost(partitions),
    deadLetter: transactionalDeadLetter(transactions, dead_letters),
    handler: sinkHandler(sink),
  });
  return {
    group,
    consumption,
    async stop() {
      await sink.close();
      await consumption.drain(all.consumption.drain_deadline_ms);
      await transactions.close();
    },
  };
}

type Parts = {
  readonly name: string;
  readonly settings: SinkSettings;
  readonly transactions: KafkaTransactions;
  readonly read: ReadRecord;
  readonly url: string;
};

async function makeSink(context: ServiceContext, { name, settings, transactions, read, url }: Parts): Promise<Sink> {
  if (settings.type === "kafka") {
    const topics = new KafkaTopicMaker(context.kafka);
    const plan = (topic: string) => planTopic(context.settings, topic, settings.partitions);
    return new KafkaSink({ settings, transactions, read, topics, plan });
  }
  const storage = await openFileStorage(url);
  return new JsonlSink({ name, settings, storage, read, offsets: transactions, clock: systemClock, log: context.log });
}

/** The address of the place; empty where the sink needs none. */
function placeOf(name: string, settings: SinkSettings, env: Readonly<Record<string, string | undefined>>): string {
  if (settings.type === "kafka") return "";
  const url = env[settings.url_env];
  if (url !== undefined && url !== "") return url;
  throw new SluiceError("settings_invalid", `results.sinks.${name} needs the variable ${settings.url_env}`, {
    fix: "Set it to a place such as file:///a/folder or s3://bucket/prefix.",
  });
}
