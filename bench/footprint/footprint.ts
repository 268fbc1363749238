/** What a request takes by itself, and for each token. Pure. */

export type Stored = {
  readonly topics: ReadonlyMap<string, number>;
  readonly redis_bytes: number;
  readonly postgres_bytes: number;
};

/** Bytes of one request: those of a request of no tokens, and for each token more of the prompt or the answer. */
export type Bytes = { readonly fixed: number; readonly per_token_in: number; readonly per_token_out: number };

export type Footprint = {
  readonly requests: number;
  readonly topics: Readonly<Record<string, Bytes>>;
  readonly redis: Bytes;
  readonly postgres: Bytes;
  /** Of the short requests. */
  readonly cpu_ms: Readonly<Record<string, number>>;
};

export type Measured = {
  readonly size: { readonly tokens_in: number; readonly tokens_out: number };
  readonly before: Stored;
  readonly after: Stored;
};

/** @param loads short requests, then longer prompts, then longer answers. */
export function footprintOf(
  requests: number,
  loads: readonly Measured[],
  cpu_ms: ReadonlyMap<string, number>,
): Footprint {
  const [short, prompts, answers] = loads;
  if (short === undefined || prompts === undefined || answers === undefined) throw new Error("three loads are needed");
  const bytes = (read: (stored: Stored) => number): Bytes => {
    const [each, long_in, long_out] = [short, prompts, answers].map(
      (one) => (read(one.after) - read(one.before)) / requests,
    );
    const per_token_in = ((long_in ?? 0) - (each ?? 0)) / (prompts.size.tokens_in - short.size.tokens_in);
    const per_token_out = ((long_out ?? 0) - (each ?? 0)) / (answers.size.tokens_out - short.size.tokens_out);
    const fixed = (each ?? 0) - per_token_in * short.size.tokens_in - per_token_out * short.size.tokens_out;
    return { fixed, per_token_in, per_token_out };
  };
  const topics = [...answers.after.topics.keys()].sort();
  const grown = topics.map((topic) => [topic, bytes((stored) => stored.topics.get(topic) ?? 0)] as const);
  return {
    requests,
    topics: Object.fromEntries(
      grown.filter(([, { fixed, per_token_in, per_token_out }]) => fixed + per_token_in + per_token_out >= 1),
    ),
    redis: bytes(({ redis_bytes }) => redis_bytes),
    postgres: bytes(({ postgres_bytes }) => postgres_bytes),
    cpu_ms: Object.fromEntries([...cpu_ms].map(([name, used]) => [name, used / requests])),
  };
}
