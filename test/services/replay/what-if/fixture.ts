/** Recorded requests made by hand, settings as text, and a what-if over them without a part of the world. */
import { TenantBook } from "../../../../libs/shared/budgets/tenant-book.ts";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { Settings } from "../../../../libs/shared/config/schema.ts";
import type { Embedder } from "../../../../libs/shared/embedding/embedder.ts";
import type { ResultError, ResultStatus, Route } from "../../../../libs/shared/events/fields.ts";
import type { OutcomeHead, ResultHead } from "../../../../libs/shared/events/flow.ts";
import { partitionId, type TopicPartition } from "../../../../libs/shared/kafka/ports.ts";
import { cost_nusd, priceOf, usdOf } from "../../../../libs/shared/money.ts";
import type { Range } from "../../../../libs/shared/replay/replay.ts";
import type { Verifier } from "../../../../libs/shared/semantic/verifier.ts";
import type { Recorded, RecordedItem, RecordedReader, Replayed } from "../../../../services/replay/contract.ts";
import type { RunHooks, WrittenItem } from "../../../../services/replay/modes.ts";
import type { Bounds } from "../../../../services/replay/what-if/passing.ts";
import { simulate, type WhatIfRun } from "../../../../services/replay/what-if/run.ts";

/** 2026-01-01T00:00:00Z. */
export const START_MS = 1_767_225_600_000;
const TOPIC = "llm.requests";

const PRICES: Readonly<Record<string, readonly [input: number, output: number]>> = {
  "small-1": [1, 2],
  "large-1": [10, 30],
};

export type SettingsInput = {
  readonly plan?: string;
  readonly cache?: string;
  readonly routing?: string;
  readonly more?: string;
  readonly small?: string;
  /** A line more of prices. */
  readonly price?: string;
};

/** Two tiers of one model each, one tenant; routing and plan as flow-style YAML. */
export function settingsOf({
  plan = "{}",
  cache = "{ semantic: { enabled: false } }",
  routing = "{ default_tier: small, embeddings_tier: embed, complexity: { method: none } }",
  more = "",
  small = "{ models: [small-1] }",
  price = "",
}: SettingsInput = {}): Settings {
  return parseSettings(
    `tiers: { small: ${small}, large: { models: [large-1] }, embed: { kind: embeddings, models: [embed-1] } }
prices:
  version: "1"
  models:
    small-1: { input_usd_per_mtok: 1, output_usd_per_mtok: 2, output_tokens_max: 100 }
    large-1: { input_usd_per_mtok: 10, output_usd_per_mtok: 30, output_tokens_max: 100 }
    embed-1: { input_usd_per_mtok: 1 }
    ${price}
routing: ${routing}
cache: ${cache}
plans: { default: ${plan} }
tenants: { demo: {}, other: {} }
${more}
`,
    "sluice.yaml",
  );
}

export type RecordedInput = {
  readonly id: string;
  /** After START_MS. */
  readonly at_ms?: number;
  readonly tenant?: string;
  readonly text?: string;
  readonly body?: object;
  readonly request?: object;
  readonly partition?: number;
  readonly offset?: number;
  readonly status?: ResultStatus;
  readonly error?: ResultError;
  readonly cache?: Route["cache"];
  readonly tier?: string;
  readonly model?: string;
  readonly route?: Partial<Route>;
  readonly tokens?: readonly [prompt: number, completion: number];
  readonly lag_ms?: number;
  readonly took_ms?: number;
  /** Nothing is recorded of its end. */
  readonly open?: boolean;
};

export const responseOf = (
  text: string,
  [prompt_tokens, completion_tokens]: readonly [number, number] = [10, 5],
): Buffer =>
  Buffer.from(
    JSON.stringify({
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: text } }],
      usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
    }),
  );

export function costOf(model: string, [prompt_tokens, completion_tokens]: readonly [number, number]): number {
  const [input_usd_per_mtok, output_usd_per_mtok] = PRICES[model] ?? [0, 0];
  const counts = { prompt_tokens, cached_prompt_tokens: 0, completion_tokens };
  return cost_nusd(counts, priceOf({ input_usd_per_mtok, output_usd_per_mtok }));
}

/** Answered by the tier `small` in 100 ms, unless it says otherwise. */
export function recordedOf(input: RecordedInput): Recorded {
  const { id, at_ms = 0, tenant = "demo", text = id, partition = 0, offset = 0 } = input;
  const body = input.body ?? { messages: [{ role: "user", content: text }] };
  const received_ms = START_MS + at_ms;
  const key = Buffer.from(id);
  const request = Buffer.from(JSON.stringify({ id, tenant, body, ...input.request }));
  const source = { topic: TOPIC, partition, offset, key, value: request, headers: {}, timestamp_ms: received_ms };
  const recorded = { source, tenant, id, key, received_ms, request, headers: {} };
  return input.open === true ? recorded : { ...recorded, outcome: outcomeOf(input, received_ms, tenant) };
}

function outcomeOf(input: RecordedInput, received_ms: number, tenant: string): NonNullable<Recorded["outcome"]> {
  const { id, status = "succeeded", tier = "small", cache = "miss", lag_ms = 2, took_ms = 100 } = input;
  const { tokens = [10, 5], text = id, error } = input;
  const model = input.model ?? `${tier}-1`;
  const hit = cache !== "miss" && cache !== "bypass";
  const response = status === "succeeded" ? responseOf(`answer to ${text}`, tokens) : undefined;
  const timing = {
    received: received_ms,
    admitted: received_ms,
    routed: received_ms + lag_ms,
    completed: received_ms + lag_ms + (hit ? 0 : took_ms),
  };
  const [prompt_tokens, completion_tokens] = tokens;
  const cost_usd = hit ? 0 : usdOf(costOf(model, tokens));
  const used = hit ? [0, 0] : [prompt_tokens, completion_tokens];
  const head: OutcomeHead = {
    ...{ id, tenant, content_hash: "0", status, timing },
    ...(error === undefined ? {} : { error }),
    ...(status === "rejected"
      ? {}
      : {
          route: {
            tier,
            model,
            reason: "then",
            cache,
            attempts: hit ? 0 : 1,
            decision: { by: "default" },
            ...input.route,
          },
        }),
    ...(status !== "succeeded"
      ? {}
      : {
          usage: {
            ...{ prompt_tokens: used[0] ?? 0, cached_prompt_tokens: 0, completion_tokens: used[1] ?? 0 },
            ...{ cost_usd, price_version: "1", estimated: false },
          },
        }),
  };
  return { from: "topic", head, ...(response === undefined ? {} : { response }), headers: {} };
}

/** By partition, in the order given, offsets from nought on. */
export function stretchesOf(inputs: readonly RecordedInput[]): Map<number, RecordedItem[]> {
  const partitions = new Map<number, RecordedItem[]>();
  for (const input of inputs) {
    const { partition = 0 } = input;
    const items = partitions.get(partition) ?? [];
    partitions.set(partition, items);
    const offset = items.length;
    items.push({ offset, recorded: recordedOf({ ...input, offset }) });
  }
  return partitions;
}

export const VERIFIER: Verifier = {
  judge: () => ({ probability: 1 }),
  thresholdFor: () => 0.5,
} as unknown as Verifier;

export type WhatIf = WhatIfRun & {
  readonly replayed: readonly Replayed[];
  /** By id. */
  readonly results: ReadonlyMap<string, ResultHead>;
  readonly answers: ReadonlyMap<string, string | undefined>;
  readonly written: readonly { readonly source: TopicPartition; readonly items: readonly WrittenItem[] }[];
  readonly finished: readonly Range[];
};

export type WhatIfInput = {
  readonly settings?: Settings;
  /** Those in force; the same unless given. */
  readonly base?: Settings;
  readonly chunk?: number;
  readonly embedder?: Embedder;
  readonly items?: ReadonlyMap<number, readonly RecordedItem[]>;
  readonly stopping?: AbortSignal;
  readonly bounds?: Partial<Bounds>;
};

export async function whatIf(inputs: readonly RecordedInput[], input: WhatIfInput = {}): Promise<WhatIf> {
  const { settings = settingsOf(), chunk = 3, embedder, stopping = new AbortController().signal } = input;
  const partitions = input.items ?? stretchesOf(inputs);
  const ranges = [...partitions].map(([partition, items]) => ({ topic: TOPIC, partition, from: 0, to: items.length }));
  const written: { source: TopicPartition; items: readonly WrittenItem[] }[] = [];
  const finished: Range[] = [];
  const hooks: RunHooks = {
    reader: readerOf(partitions, ranges, chunk),
    ranges,
    positions: new Map(ranges.map((range) => [partitionId(range), 0])),
    publish: async (source, items) => {
      written.push({ source, items });
    },
    finished: (range) => finished.push(range),
    pace: async () => {},
    stopping,
  };
  const run = await simulate({
    parts: { settings: input.base ?? settings },
    settings,
    name: "tried.yaml",
    semantic: { embedder, verifier: VERIFIER, base: embedder === undefined ? undefined : 0.5 },
    book: new TenantBook(),
    replay: { id: "replay-1" },
    hooks,
    ...(input.bounds === undefined ? {} : { bounds: input.bounds }),
  });
  const replayed = written.flatMap(({ items }) => items.flatMap((item) => item.replayed ?? []));
  const told = replayed.flatMap(({ recorded, result }) =>
    result === undefined ? [] : [{ id: recorded.id, ...result }],
  );
  return {
    ...run,
    replayed,
    written,
    finished,
    results: new Map(told.map(({ id, head }) => [id, head])),
    answers: new Map(told.map(({ id, response }) => [id, response?.toString()])),
  };
}

function readerOf(
  partitions: ReadonlyMap<number, readonly RecordedItem[]>,
  ranges: readonly Range[],
  chunk: number,
): RecordedReader {
  return {
    ranges: async () => ranges,
    async *read({ topic, partition }) {
      const items = partitions.get(partition) ?? [];
      for (let at = 0; at < items.length; at += chunk) {
        yield { source: { topic, partition }, items: items.slice(at, at + chunk) };
      }
    },
  };
}
