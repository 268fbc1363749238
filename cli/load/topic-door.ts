/** Kafka as a door: requests onto `llm.requests`, answers off `llm.results`. */
import type { Result } from "../../libs/shared/events/flow.ts";
import { unframe } from "../../libs/shared/events/wire.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import type { CliContext } from "../context.ts";
import { answerText } from "../output/result.ts";
import { prepareToWrite, requestRecord } from "../requests/records.ts";
import { DUE_LABEL, requestOf } from "./body.ts";
import { type Door, type Ended, preciseNow_ms } from "./door.ts";
import type { Answer, PipelineTimes } from "./recorder.ts";

export type TopicDoorOptions = {
  readonly run: string;
  /** What the keys of this door's requests begin with. */
  readonly prefix: string;
  readonly is_mock: boolean;
  /** Each good Result of this door, also one that comes too late, with when its request was due. */
  readonly seen: (due_ms: number, times: PipelineTimes) => void;
  readonly late: () => void;
  readonly signal: AbortSignal;
};

type Waiting = (ended: Ended) => void;

/** Resolves once it hears of every Result that is written from then on. */
export async function openTopicDoor(context: CliContext, options: TopicDoorOptions): Promise<Door> {
  const { run, prefix, is_mock, signal } = options;
  const producer = new BatchingProducer(context.kafka, context.settings.producer);
  const waiting = new Map<string, Waiting>();
  const reader = new TopicReader(context.kafka, {
    topic: context.names.results,
    from: { kind: "latest" },
    until_end: false,
    records(records) {
      const ended_ms = preciseNow_ms();
      for (const record of records) {
        if (record.key?.toString().startsWith(prefix)) take(record, ended_ms, waiting, options);
      }
    },
  });
  await Promise.all([producer.connect(), prepareToWrite(context), reader.start()]);
  const stop = (): void => {
    for (const end of waiting.values()) end({ kind: "interrupted" });
  };
  signal.addEventListener("abort", stop, { once: true });
  return {
    ask(ask, timeout_ms) {
      return new Promise((resolve) => {
        const end = (ended: Ended): void => {
          clearTimeout(timer);
          waiting.delete(ask.id);
          resolve(ended);
        };
        const timer = setTimeout(() => end({ kind: "timed_out" }), timeout_ms);
        waiting.set(ask.id, end);
        const record = requestRecord(context, requestOf(ask, is_mock, run));
        producer.publish([record]).catch((error: { readonly code?: string }) => {
          end({ kind: "failed", code: error.code ?? "not_produced" });
        });
      });
    },
    async close() {
      signal.removeEventListener("abort", stop);
      await Promise.allSettled([reader.stop(), producer.close()]);
    },
  };
}

function take(record: InRecord, ended_ms: number, waiting: Map<string, Waiting>, options: TopicDoorOptions): void {
  const result = resultOf(record);
  if (result === undefined) return;
  const times = pipelineTimes(result);
  const due_ms = Number(result.metadata?.[DUE_LABEL]);
  if (times !== undefined && due_ms > 0) options.seen(due_ms, times);
  const end = waiting.get(result.id);
  if (end === undefined) options.late();
  else if (result.status === "succeeded") end({ kind: "answered", answer: answerOf(result, ended_ms) });
  else end({ kind: "failed", code: result.error?.code ?? result.status });
}

/** Undefined for what is no Result. */
export function resultOf({ value }: Pick<InRecord, "value">): Result | undefined {
  if (value === null) return undefined;
  const framed = unframe(value);
  return framed.kind === "unreadable" ? undefined : (JSON.parse(framed.payload.toString()) as Result);
}

/** Of a good Result: by the services' clocks, from when ingest read the request to when its answer was whole. */
export function pipelineTimes({ status, timing }: Pick<Result, "status" | "timing">): PipelineTimes | undefined {
  const { received, first_token, completed } = timing;
  if (status !== "succeeded" || received === undefined || completed === undefined) return undefined;
  return {
    whole_ms: completed - received,
    first_token_ms: first_token === undefined ? undefined : first_token - received,
  };
}

function answerOf(result: Result, ended_ms: number): Answer {
  const { usage, route, timing } = result;
  const { dispatched, completed } = timing;
  const took_ms = dispatched === undefined || completed === undefined ? 0 : completed - dispatched;
  const completion_tokens = usage?.completion_tokens ?? 0;
  return {
    text: answerText(result),
    ended_ms,
    cost_nusd: Math.round((usage?.cost_usd ?? 0) * 1e9),
    prompt_tokens: usage?.prompt_tokens ?? 0,
    completion_tokens,
    cache: route?.cache,
    tokens_per_s: took_ms > 0 && completion_tokens > 0 ? (completion_tokens * 1_000) / took_ms : undefined,
  };
}
