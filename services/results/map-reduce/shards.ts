/** From documents to shards, and the lines of the file that keeps them: a document never shares a shard with another. */
import { createHash } from "node:crypto";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { InputError } from "../../../libs/shared/map-reduce/job.ts";
import { shardName } from "../../../libs/shared/map-reduce/shard-name.ts";
import { Cutter } from "./cutting.ts";
import type { DocumentEvent } from "./documents.ts";

/** As a line of the file: its own text, or the number of an earlier shard with the same text. Shards count from 0. */
export type Shard = { readonly name: string } & ({ readonly text: string } | { readonly same_as: number });

export type ShardCounts = {
  documents: number;
  empty_documents: number;
  shards: number;
  duplicates: number;
};

/** Thrown out of the lines, so that no file is kept. */
export class InputRefused extends Error {
  override readonly name = "InputRefused";
  readonly problems: readonly InputError[];

  constructor(problems: readonly InputError[]) {
    super("the input cannot be used");
    this.problems = problems;
  }
}

/** More problems are not looked for. */
const PROBLEMS_MAX = 100;

export type ShardOptions = {
  readonly shard_tokens: number;
  readonly limits: Pick<Settings["jobs"]["map_reduce"], "documents_max" | "shards_max">;
};

/** @param counts is kept up to date. @throws InputRefused, and what `events` throws. */
export async function* shardLines(
  events: AsyncIterable<DocumentEvent>,
  { shard_tokens, limits }: ShardOptions,
  counts: ShardCounts,
): AsyncGenerator<Uint8Array> {
  const cutter = new Cutter(shard_tokens);
  const known = new Map<string, number>();
  const problems: InputError[] = [];
  let current: { readonly number: number; readonly id?: string; parts: number } | undefined;
  const lines = function* (texts: Iterable<string>): Generator<Uint8Array> {
    for (const text of texts) {
      if (current === undefined || problems.length > 0) continue;
      if (counts.shards === limits.shards_max) throw new InputRefused([tooMany("shards", limits.shards_max)]);
      current.parts += 1;
      yield shardLine(shardName(current.number, current.parts, current.id), text, known, counts);
    }
  };
  for await (const event of events) {
    switch (event.kind) {
      case "begins":
        if (counts.documents === limits.documents_max) {
          throw new InputRefused([tooMany("documents", limits.documents_max)]);
        }
        counts.documents += 1;
        current = { ...event, parts: 0 };
        break;
      case "text":
        yield* lines(cutter.push(event.text));
        break;
      case "ends":
        yield* lines(cutter.end());
        if (current?.parts === 0) counts.empty_documents += 1;
        break;
      case "problem":
        problems.push(event.problem);
        if (problems.length === PROBLEMS_MAX) throw new InputRefused(problems);
    }
  }
  if (problems.length > 0) throw new InputRefused(problems);
  if (counts.shards === 0) throw new InputRefused([{ code: "no_documents", message: "the input has no text" }]);
}

function shardLine(name: string, text: string, known: Map<string, number>, counts: ShardCounts): Uint8Array {
  const hash = createHash("sha256").update(text).digest("base64");
  const same_as = known.get(hash);
  const shard: Shard = same_as === undefined ? { name, text } : { name, same_as };
  if (same_as === undefined) known.set(hash, counts.shards);
  else counts.duplicates += 1;
  counts.shards += 1;
  return Buffer.from(`${JSON.stringify(shard)}\n`);
}

const TOO_MANY = {
  documents: { code: "too_many_documents", fix: "split the input" },
  shards: { code: "too_many_shards", fix: "ask for larger shards (shard_tokens), or split the input" },
} as const;

function tooMany(what: "documents" | "shards", max: number): InputError {
  const { code, fix } = TOO_MANY[what];
  return { code, message: `more than ${max} ${what} (jobs.map_reduce.${what}_max); ${fix}` };
}

/** The longest line of the file: every byte of a shard may be escaped. */
export function shardLineBytesMax(shard_tokens: number): number {
  return shard_tokens * 4 * 6 + 4_096;
}

export function readShard(line: Uint8Array): Shard {
  return JSON.parse(Buffer.from(line).toString()) as Shard;
}
