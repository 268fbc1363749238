/** Rollouts on the control topic, read whole and written one by one; and the results of both sides. */
import { controlRecord, type RolloutEvent, readControl } from "../../libs/shared/events/control.ts";
import { resultHead } from "../../libs/shared/events/flow.ts";
import { readHop } from "../../libs/shared/events/hop.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { type ReadFrom, TopicReader } from "../../libs/shared/kafka/reader.ts";
import { RolloutBook } from "../../libs/shared/rollout/rollout-book.ts";
import { StageStats } from "../../libs/shared/rollout/side-stats.ts";
import type { CliContext } from "../context.ts";

/** Every rollout that the topic still tells of, also those that the routers do not follow. */
export async function readRollouts(context: CliContext): Promise<RolloutBook> {
  const book = new RolloutBook(() => undefined);
  await readToEnd(context, context.names.control, { kind: "beginning" }, async (record) => {
    const event = await readControl(context.codec, record);
    if (event?.kind === "rollout") book.apply(event, record.timestamp_ms);
  });
  return book;
}

/** What both sides came to in the present stage. */
export async function readSides(context: CliContext, state: RolloutEvent): Promise<StageStats> {
  const stats = new StageStats(state);
  const from = { kind: "time", timestamp_ms: stats.from_ms } as const;
  await readToEnd(context, context.names.results, from, async (record) => {
    const hop = await readHop(context.codec, record, "response", resultHead.parse);
    if (hop.ok) stats.add(hop.head);
  });
  return stats;
}

/** Resolves when the record is acknowledged. The schemas must be registered. */
export async function publishRollout(
  { kafka, codec, names, settings }: CliContext,
  state: RolloutEvent,
): Promise<void> {
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish([controlRecord(codec, names.control, state)]);
  } finally {
    await producer.close();
  }
}

async function readToEnd(
  { kafka }: CliContext,
  topic: string,
  from: ReadFrom,
  add: (record: InRecord) => Promise<void>,
): Promise<void> {
  const reader = new TopicReader(kafka, {
    topic,
    from,
    until_end: true,
    async records(records) {
      for (const record of records) await add(record);
    },
  });
  await reader.start();
  try {
    await reader.done;
  } finally {
    await reader.stop();
  }
}
