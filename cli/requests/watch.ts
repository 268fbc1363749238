/** Follows `llm.results` and hands on each Result. */
import type { Result } from "../../libs/shared/events/flow.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import type { CliContext } from "../context.ts";
import { readValue } from "../output/record.ts";

/** Sees every result written after `start` has resolved. */
export function watchResults(context: CliContext): {
  start(deliver: (result: Result) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
} {
  let reader: TopicReader | undefined;
  return {
    async start(deliver) {
      reader = new TopicReader(context.kafka, {
        topic: context.names.results,
        from: { kind: "latest" },
        until_end: false,
        async records(records) {
          for (const record of records) {
            const value = await readValue(context.codec, record);
            if (value.kind === "json") await deliver(value.json as Result);
          }
        },
      });
      await reader.start();
    },
    stop: async () => reader?.stop(),
  };
}
