/** What a shard is called: its document, by number and by the caller's id, and which part of it. Different for each shard of a job. Pure. */

export type ShardName = {
  /** From 1, in the order of the input. */
  readonly document: number;
  /** From 1. */
  readonly part: number;
  readonly document_id?: string;
};

/** `17.2:the-id`, `17.2` for a document without an id. */
export function shardName(document: number, part: number, id?: string): string {
  return `${document}.${part}${id === undefined ? "" : `:${id}`}`;
}

/** @returns undefined for what is no such name. */
export function readShardName(name: string): ShardName | undefined {
  const found = /^(\d+)\.(\d+)(?::(.*))?$/s.exec(name);
  if (found === null) return undefined;
  const [, document, part, id] = found;
  return { document: Number(document), part: Number(part), ...(id === undefined ? {} : { document_id: id }) };
}
