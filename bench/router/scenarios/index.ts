/** The index alone: what a search finds and costs, what an entry costs in time and memory; beside it a graph of usearch. */
import { Index, MetricKind, ScalarKind } from "usearch";
import { quantize } from "../../../libs/shared/embedding/quantized.ts";
import { MemoryIndex } from "../../../services/router/cache/index/memory-index.ts";
import { lengthOf, Vectors } from "../../../services/router/cache/index/vectors.ts";
import { percentiles } from "../../support/percentiles.ts";
import type { Figure } from "../../support/report.ts";
import { EMBEDDED, ENTRIES, entryOf, makeVectors, NAMESPACE } from "../entries.ts";
import { CACHE, heapBytes, openModel } from "../parts.ts";
import { reworded } from "../questions.ts";
import type { Scenario } from "../scenario.ts";

const ASKED = 500;
const NEAREST = CACHE.semantic.candidates_max;
/** Of usearch: its own defaults, and what FACTS of the project measured. */
const CONNECTIVITY = 16;
const EXPANSION = 64;

type Found = { readonly recall: number; readonly p50_ms: number; readonly p99_ms: number };

export const index: Scenario = {
  name: "index",
  summary: `search, recall, memory at ${ENTRIES} entries, beside usearch`,
  seconds: 60,
  async run({ signal, say }) {
    const embedder = await openModel(signal, say);
    const vectors = await makeVectors(embedder, say);
    const asked: Int8Array[] = [];
    for (let at = 0; at < ASKED; at += 1) {
      asked.push(...(await embedder.embed([reworded(at * Math.floor(EMBEDDED / ASKED), at)])).map(quantize));
    }
    await embedder.close();
    say("comparing with every vector, for the truth");
    const truth = nearestOfAll(vectors, asked);
    say("filling the index");
    const ours = measureOurs(vectors, asked, truth);
    say("filling usearch");
    const theirs = measureUsearch(vectors, asked, truth);
    return figuresOf(ours, theirs);
  },
};

type Measured = Found & { readonly put_us: number; readonly entry_bytes: number; readonly vector_bytes: number };

function figuresOf(ours: Measured, theirs: Measured): Figure[] {
  const beside = (value: number) => ({ beside: { name: "usearch", value } });
  return [
    {
      name: `nearest ${NEAREST}: recall`,
      value: ours.recall,
      unit: "",
      target: { at_least: 0.95 },
      ...beside(theirs.recall),
    },
    { name: "search p50", value: ours.p50_ms, unit: "ms", ...beside(theirs.p50_ms) },
    { name: "search p99", value: ours.p99_ms, unit: "ms", ...beside(theirs.p99_ms) },
    { name: "put", value: ours.put_us, unit: "µs", ...beside(theirs.put_us) },
    {
      name: "vectors and what finds them, an entry",
      value: ours.vector_bytes,
      unit: "bytes",
      ...beside(theirs.vector_bytes),
    },
    { name: "an entry in all", value: ours.entry_bytes, unit: "bytes" },
  ];
}

function measureOurs(vectors: readonly Int8Array[], asked: readonly Int8Array[], truth: readonly number[][]): Measured {
  const now_ms = Date.now();
  const heap_before = heapBytes();
  const limits = { entries_max: ENTRIES, tenant_entries_max: ENTRIES };
  const filled = new MemoryIndex({ ...limits, dimensions: vectors[0]?.length ?? 0 });
  const begin_ms = performance.now();
  for (const [at, vector] of vectors.entries()) filled.put(parsed(entryOf(at, vector, now_ms), vector));
  const put_us = ((performance.now() - begin_ms) / ENTRIES) * 1_000;
  const vector_bytes = filled.vector_bytes / ENTRIES;
  const entry_bytes = (heapBytes() - heap_before) / ENTRIES + vector_bytes;
  const found = measure(asked, truth, (vector) =>
    filled.nearest(NAMESPACE, vector, NEAREST, now_ms).map(({ entry }) => Number.parseInt(entry.entry_id, 16)),
  );
  return { ...found, put_us, entry_bytes, vector_bytes };
}

/** As it comes from the topic: no string is shared with another entry's. */
function parsed(entry: ReturnType<typeof entryOf>, vector: Int8Array): ReturnType<typeof entryOf> {
  const { vector: _, ...head } = entry;
  return { ...(JSON.parse(JSON.stringify(head)) as typeof head), vector };
}

function measureUsearch(
  vectors: readonly Int8Array[],
  asked: readonly Int8Array[],
  truth: readonly number[][],
): Measured {
  const dimensions = vectors[0]?.length ?? 0;
  const rss_before = process.memoryUsage.rss();
  const graph = new Index({
    dimensions,
    metric: MetricKind.Cos,
    quantization: ScalarKind.I8,
    connectivity: CONNECTIVITY,
    expansion_add: EXPANSION,
    expansion_search: EXPANSION,
    multi: false,
  });
  const begin_ms = performance.now();
  for (const [at, vector] of vectors.entries()) graph.add(BigInt(at), vector, 1);
  const put_us = ((performance.now() - begin_ms) / ENTRIES) * 1_000;
  const vector_bytes = (process.memoryUsage.rss() - rss_before) / ENTRIES;
  const found = measure(asked, truth, (vector) => [...graph.search(vector, NEAREST, 1).keys].map(Number));
  return { ...found, put_us, vector_bytes, entry_bytes: vector_bytes };
}

function measure(
  asked: readonly Int8Array[],
  truth: readonly number[][],
  search: (vector: Int8Array) => readonly number[],
): Found {
  const took_ms: number[] = [];
  let found = 0;
  for (const vector of asked) search(vector);
  for (const [at, vector] of asked.entries()) {
    const begin_ms = performance.now();
    const numbers = search(vector);
    took_ms.push(performance.now() - begin_ms);
    found += (truth[at] as number[]).filter((number) => numbers.includes(number)).length;
  }
  const { p50, p99 } = percentiles(took_ms);
  return { recall: found / (asked.length * NEAREST), p50_ms: p50, p99_ms: p99 };
}

function nearestOfAll(vectors: readonly Int8Array[], asked: readonly Int8Array[]): number[][] {
  const kept = new Vectors(vectors[0]?.length ?? 0);
  for (const vector of vectors) kept.add(vector);
  return asked.map((vector) => {
    const length = lengthOf(vector);
    const near = Float64Array.from(vectors, (_, at) => kept.cosine(at, vector, length));
    const least = near.toSorted().at(-NEAREST) ?? 0;
    return [...near.entries()]
      .filter(([, cosine]) => cosine >= least)
      .map(([at]) => at)
      .slice(0, NEAREST);
  });
}
