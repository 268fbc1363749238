/** How a Result reads for people. Pure. */
import type { Result } from "../../libs/shared/events/flow.ts";
import { formatUsd, oneLine } from "./format.ts";

type Completion = {
  readonly choices?: readonly {
    readonly message?: {
      readonly content?: string | null;
      readonly tool_calls?: readonly { readonly function?: { readonly name?: string; readonly arguments?: string } }[];
    };
  }[];
  readonly data?: readonly { readonly embedding?: readonly number[] | string }[];
};

/** The answer as text: what was said, the tool called, how many vectors, or the error. */
export function answerText({ response, error, status }: Result): string {
  if (error !== undefined) return `${error.code}: ${error.message}`;
  const { choices, data } = (response ?? {}) as Completion;
  const message = choices?.[0]?.message;
  const call = message?.tool_calls?.[0]?.function;
  if (call !== undefined) return `${call.name}(${call.arguments ?? ""})`;
  if (typeof message?.content === "string") return message.content;
  const vector = data?.[0]?.embedding;
  if (vector === undefined) return status;
  const size = typeof vector === "string" ? "base64" : `${vector.length} dimensions`;
  return `${data?.length} ${data?.length === 1 ? "vector" : "vectors"}, ${size}`;
}

/** The columns that tell a result: id, status, tier, cache and cost. */
export function resultColumns({ id, status, route, usage }: Result): string {
  return [
    id.padEnd(40),
    status.padEnd(9),
    (route?.tier ?? "-").padEnd(9),
    (route?.cache ?? "-").padEnd(9),
    (usage === undefined ? "-" : formatUsd(usage.cost_usd)).padEnd(9),
  ].join(" ");
}

/** The columns and the start of the answer. */
export function resultLine(result: Result, width: number): string {
  const columns = resultColumns(result);
  return `${columns} ${oneLine(answerText(result), Math.max(20, width - columns.length - 1))}`;
}
