/**
 * What stands in a request's token stream (`streamKey`), for whoever writes it and whoever follows it. Pure.
 *
 * A `start` begins an attempt; a reader drops what came before it. The ids of one attempt's entries are consecutive
 * (`<ms>-<n>`, `<ms>-<n+1>`…), so a reader can resume after the last id it has, and sees by a gap that it lost entries of a stream
 * that was cut to its length. `end` comes once, after the last attempt. The stream is a convenience: the Result has the whole answer,
 * also when Redis was away and the stream is short (`truncated`) or missing.
 */
import type { ResultStatus, Usage } from "../events/fields.ts";

export type TokenEvent =
  | {
      readonly kind: "start";
      /** 1 for the first. */
      readonly attempt: number;
      readonly model: string;
      readonly endpoint: string;
    }
  /** One chunk of the provider, its JSON as it came. */
  | { readonly kind: "token"; readonly chunk: string }
  | {
      readonly kind: "end";
      readonly status: ResultStatus;
      readonly usage?: Usage;
      /** Tokens are missing before it. */
      readonly truncated?: true;
    };

/** An entry's fields: its kind, and its content as JSON. */
export function tokenEntry(event: TokenEvent): readonly ["kind", string, "data", string] {
  if (event.kind === "token") return ["kind", "token", "data", event.chunk];
  const { kind, ...content } = event;
  return ["kind", kind, "data", JSON.stringify(content)];
}

/** @param fields an entry's fields as Redis gives them. @returns undefined for a kind that this version does not know. */
export function readTokenEntry(fields: readonly string[]): TokenEvent | undefined {
  const [kind, data] = [fields[1], fields[3]];
  if (data === undefined) return undefined;
  if (kind === "token") return { kind, chunk: data };
  if (kind !== "start" && kind !== "end") return undefined;
  return { kind, ...(JSON.parse(data) as object) } as TokenEvent;
}
