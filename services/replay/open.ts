/** Wires one replay's run: what reads its records, what works on them, and where its Results go. */
import { SluiceError } from "../../libs/shared/errors.ts";
import { KafkaTopicMaker } from "../../libs/shared/kafka/topic-maker.ts";
import { KafkaTransactions } from "../../libs/shared/kafka/transactions.ts";
import { migrate } from "../../libs/shared/postgres/migrations.ts";
import type { Range, Replay } from "../../libs/shared/replay/replay.ts";
import { specProblem, topicsOf } from "../../libs/shared/replay/spec.ts";
import { makeReplayTopic, replayGroup } from "../../libs/shared/replay/topic.ts";
import type { RecordedReader, ReplayWorker } from "./contract.ts";
import type { ModeRun } from "./modes.ts";
import type { ReplayParts } from "./parts.ts";
import { limited } from "./reading/limit.ts";
import { type PreviewPlan, preview } from "./reading/preview.ts";
import { type ClosingReader, createRecordedReader } from "./reading/reader.ts";
import type { OpenRun, RunDeps } from "./run.ts";

/** @param parts closed by the caller, once no run is under way. */
export function runDeps(parts: ReplayParts, more: Pick<RunDeps, "store" | "left_as" | "onProgress">): RunDeps {
  const { settings } = parts;
  return {
    ...parts,
    ...more,
    lease_ms: settings.replay.lease_ms,
    chunk: settings.replay.chunk,
    rateOf: (replay) => rateOf(parts, replay),
    open: (replay) => openRun(parts, replay),
  };
}

/** What calls goes as fast as its calls do, unless it is told otherwise. */
function rateOf({ settings }: ReplayParts, { spec }: Replay): number | undefined {
  const { rate_per_s, stage_rate_per_s } = settings.replay;
  const usual = {
    reuse: rate_per_s,
    "what-if": rate_per_s,
    stage: stage_rate_per_s,
    recompute: undefined,
    shadow: undefined,
  };
  return spec.rate_per_s ?? usual[spec.mode];
}

/** @throws SluiceError `usage` for what makes no sense. */
async function openRun(parts: ReplayParts, replay: Replay): Promise<OpenRun> {
  const problem = specProblem(replay.spec);
  if (problem !== undefined) throw new SluiceError("usage", problem.message);
  const { settings, kafka, pool } = parts;
  await migrate(pool);
  const reader = openReader(parts, replay);
  const transactions = new KafkaTransactions(kafka, {
    group: replayGroup(settings, replay.id),
    transaction_timeout_ms: settings.results.transaction_timeout_ms,
    request_bytes_max: settings.producer.request_bytes_max,
  });
  try {
    await transactions.connect();
    if (replay.ranges !== undefined) await makeReplayTopic(new KafkaTopicMaker(kafka), settings, replay.id);
  } catch (error) {
    await Promise.all([reader.close(), transactions.close().catch(() => undefined)]);
    throw error;
  }
  return {
    reader,
    transactions,
    preview: async (ranges, onProgress, stopping) =>
      preview(reader, ranges, await planOf(parts, replay), { onProgress, stopping }),
    openMode: () => openMode(parts, replay),
    async close() {
      await Promise.all([reader.close(), transactions.close()]);
    },
  };
}

/** Of one topic, or of several: then each range says whose it is. */
function openReader(parts: ReplayParts, { spec: { selection } }: Replay): ClosingReader {
  const topics = topicsOf(selection);
  const [only] = topics;
  if (topics.length === 1 && only !== undefined) return createRecordedReader(parts, { ...selection, topic: only });
  const { limit, ...whole } = selection;
  const readers = new Map(topics.map((topic) => [topic, createRecordedReader(parts, { ...whole, topic })]));
  const read: RecordedReader["read"] = (range, wanted, from) => {
    const reader = readers.get(range.topic);
    if (reader === undefined) throw new Error(`the replay does not read ${range.topic}`);
    return reader.read(range, wanted, from);
  };
  return {
    read,
    async ranges() {
      const ranges: Range[] = [];
      for (const reader of readers.values()) ranges.push(...(await reader.ranges()));
      if (limit === undefined) return ranges;
      const nothing = { request: false, outcome: false };
      return limited(
        ranges,
        limit,
        (range) => read(range, nothing),
        () => undefined,
      );
    },
    async close() {
      await Promise.all([...readers.values()].map((reader) => reader.close()));
    },
  };
}

async function planOf({ settings }: ReplayParts, { spec }: Replay): Promise<PreviewPlan> {
  const { mode, tier, model } = spec;
  if (mode !== "recompute" && mode !== "shadow") return { mode };
  const { loadEncodings } = await import("../../libs/shared/estimate/encodings.ts");
  const { settingsOf } = await import("./wanted.ts");
  const used = settingsOf(settings, spec);
  return { mode, settings: used, encodings: await loadEncodings(used.prices.models), tier, model };
}

/** Read in when it is needed: a tokenizer, an embedding model and the handlers of other services are behind some of them. */
async function openMode(parts: ReplayParts, replay: Replay): Promise<ModeRun> {
  switch (replay.spec.mode) {
    case "reuse": {
      const { createReuseWorker } = await import("./reuse-parts.ts");
      return { kind: "records", worker: await createReuseWorker(parts, replay) };
    }
    case "recompute":
    case "shadow": {
      const { createCallingWorker } = await import("./calling/worker.ts");
      return { kind: "records", worker: await createCallingWorker(parts, replay) };
    }
    case "stage": {
      const { createStageWorker } = await import("./stage/worker.ts");
      const { spec } = replay;
      // Each topic is looked at; what is sent goes where it came from, whichever it is.
      const workers = topicsOf(spec.selection).map((topic) =>
        createStageWorker(parts, { ...replay, spec: { ...spec, selection: { ...spec.selection, topic } } }),
      );
      const [worker] = await Promise.all(workers);
      return { kind: "records", worker: worker as ReplayWorker };
    }
    case "what-if": {
      const { runWhatIf } = await import("./what-if/run.ts");
      return { kind: "whole", run: (of, hooks) => runWhatIf(parts, of, hooks) };
    }
  }
}
