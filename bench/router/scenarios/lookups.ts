/** Look-ups through the router's whole cache, on a real Redis: exact hits, and by meaning with every question embedded. */
import { systemClock } from "../../../libs/shared/clock.ts";
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import { cosine } from "../../../libs/shared/embedding/quantized.ts";
import type { Keeping } from "../../../libs/shared/redis/cache-answers.ts";
import { RedisCacheAnswers } from "../../../libs/shared/redis/cache-answers-store.ts";
import type { Verifier } from "../../../libs/shared/semantic/verifier.ts";
import { MergedLooks } from "../../../services/router/cache/answers.ts";
import { Coalescing } from "../../../services/router/cache/coalescing.ts";
import type { CacheAsk } from "../../../services/router/cache/contract.ts";
import { MemoryIndex } from "../../../services/router/cache/index/memory-index.ts";
import { LocalAnswers } from "../../../services/router/cache/local.ts";
import { LayeredCache } from "../../../services/router/cache/lookup.ts";
import { closedLoop, type LoadResult, openLoop } from "../../support/load.ts";
import { percentiles } from "../../support/percentiles.ts";
import type { BenchRedis } from "../../support/redis.ts";
import type { Figure } from "../../support/report.ts";
import { EMBEDDED, ENTRIES, entryId, entryOf, makeVectors, NAMESPACE, TENANT } from "../entries.ts";
import { CACHE, openModel } from "../parts.ts";
import { QUESTIONS_MAX, question, reworded } from "../questions.ts";
import type { Scenario } from "../scenario.ts";

const IN_FLIGHT = 64;
const EXACT_TARGET = 3_000;
const SEMANTIC_TARGET = 400;
const HALF_RATE = SEMANTIC_TARGET / 2;
const P99_MS_MAX = 25;
const KEPT_TOGETHER = 500;
const HOUR_MS = 3_600_000;
const RESPONSE = Buffer.from(JSON.stringify({ choices: [{ message: { content: "An answer. ".repeat(60) } }] }));
/** What it takes to judge a pair is measured by itself; here about half of the questions are to be answered. */
const COSINE_MIN = 0.97;
const BY_COSINE: Pick<Verifier, "judge"> = {
  judge(left, right) {
    const similarity = cosine(left.vector, right.vector);
    return { similarity, probability: similarity };
  },
};
const NEVER = new AbortController().signal;

export const lookups: Scenario = {
  name: "lookups",
  summary: `exact and by meaning, at ${ENTRIES} entries, each question embedded`,
  seconds: 10,
  async run({ seconds, signal, start, say }) {
    const redis = await start();
    const embedder = await openModel(signal, say);
    try {
      const { cache, counts } = await openCache(redis, embedder, say);
      const ask = asks();
      say("exact");
      const exact = await closedLoop(IN_FLIGHT, seconds * 1_000, async (index) => {
        const found = await cache.lookUp(ask.known(index), NEVER);
        return found.kind === "hit" && found.how === "exact";
      });
      say("embedding alone");
      const embed = async (): Promise<boolean> => (await embedder.embed([ask.words()])).length === 1;
      const floor = await withCpu(() => closedLoop(IN_FLIGHT, seconds * 1_000, embed));
      const calm_floor = await openLoop(HALF_RATE, seconds * 1_000, embed);
      say("by meaning");
      const byMeaning = async (): Promise<boolean> => {
        const found = await cache.lookUp(ask.fresh(), NEVER);
        if (found.kind === "hit") counts.hits += 1;
        return true;
      };
      const full = await withCpu(() => closedLoop(IN_FLIGHT, seconds * 1_000, byMeaning));
      const calm = await openLoop(HALF_RATE, seconds * 1_000, byMeaning);
      say(
        `${counts.hits} of ${full.sent + calm.sent} questions were answered by meaning, ${counts.not_embedded} not embedded`,
      );
      return figuresOf({ exact, floor, calm_floor, full, calm, not_embedded: counts.not_embedded });
    } finally {
      await embedder.close();
    }
  },
};

/** `cpu_ms`: of all threads, for each that was sent. It tells more than a rate where the machine has other work. */
type WithCpu = LoadResult & { readonly cpu_ms: number };

async function withCpu(load: () => Promise<LoadResult>): Promise<WithCpu> {
  const before = process.cpuUsage();
  const result = await load();
  const { user, system } = process.cpuUsage(before);
  return { ...result, cpu_ms: (user + system) / 1_000 / result.sent };
}

type Parts = Readonly<Record<"exact" | "calm_floor" | "calm", LoadResult>> & {
  readonly floor: WithCpu;
  readonly full: WithCpu;
  readonly not_embedded: number;
};

function figuresOf({ exact, floor, calm_floor, full, calm, not_embedded }: Parts): Figure[] {
  const p99 = (result: LoadResult): number => percentiles(result.latencies_ms).p99;
  const alone = (value: number) => ({ beside: { name: "embedding alone", value } });
  return [
    { name: "exact hits", value: perSecond(exact), unit: "/s", target: { at_least: EXACT_TARGET } },
    { name: "exact look-ups that hit nothing", value: exact.failed, unit: "", target: { at_most: 0 } },
    {
      name: "by meaning",
      value: perSecond(full),
      unit: "/s",
      target: { at_least: SEMANTIC_TARGET },
      ...alone(perSecond(floor)),
    },
    { name: "by meaning, CPU time of a look-up", value: full.cpu_ms, unit: "ms", ...alone(floor.cpu_ms) },
    {
      name: `by meaning, p99 at ${HALF_RATE}/s`,
      value: p99(calm),
      unit: "ms",
      target: { at_most: P99_MS_MAX },
      ...alone(p99(calm_floor)),
    },
    { name: "questions that were not embedded", value: not_embedded, unit: "", target: { at_most: 0 } },
  ];
}

const perSecond = ({ latencies_ms, elapsed_ms }: LoadResult): number => (latencies_ms.length / elapsed_ms) * 1_000;

/** Every question but once: half of them are entries' in other words, half are new. */
function asks() {
  let next = 0;
  const words = (): string => {
    next += 1;
    const turn = Math.floor(next / 2);
    if (next % 2 === 0) return reworded(turn % EMBEDDED, Math.floor(turn / EMBEDDED));
    return question(ENTRIES + (turn % (QUESTIONS_MAX - ENTRIES)));
  };
  const of = (entry_id: string, text?: string): CacheAsk => ({
    ...{ tenant: TENANT, id: entry_id, entry_id, namespace: NAMESPACE, ttl_ms: HOUR_MS, reads: true, writes: true },
    lane: "interactive",
    ...(text === undefined ? {} : { text }),
  });
  return {
    words,
    known: (index: number): CacheAsk => of(entryId(index % ENTRIES)),
    fresh: (): CacheAsk => of(entryId(ENTRIES + next), words()),
  };
}

async function openCache(redis: BenchRedis, embedder: Embedder, say: (line: string) => void) {
  const now_ms = Date.now();
  const answers = new RedisCacheAnswers(await redis.connect("router"));
  const index = new MemoryIndex({
    ...{ entries_max: ENTRIES, tenant_entries_max: ENTRIES },
    dimensions: embedder.dimensions,
  });
  for (const [at, vector] of (await makeVectors(embedder, say)).entries()) index.put(entryOf(at, vector, now_ms));
  say(`keeping ${ENTRIES} answers in Redis`);
  for (let from = 0; from < ENTRIES; from += KEPT_TOGETHER) {
    const batch = Array.from({ length: KEPT_TOGETHER }, (_, at) => kept(from + at, now_ms));
    await answers.finish(batch, [], now_ms);
  }
  const looks = new MergedLooks(answers);
  const counts = { hits: 0, not_embedded: 0 };
  const cache = new LayeredCache({
    looks,
    index,
    embedder,
    verifier: BY_COSINE,
    threshold: () => COSINE_MIN,
    local: new LocalAnswers(CACHE.exact),
    coalescing: new Coalescing({ looks, answers, clock: systemClock, settings: CACHE.coalesce }),
    clock: systemClock,
    // Who leads would have to be ended again: that is the part of results.
    settings: { ...CACHE, coalesce: { ...CACHE.coalesce, enabled: false } },
    seen: {
      rejected: () => undefined,
      gone: () => undefined,
      notEmbedded: () => {
        counts.not_embedded += 1;
      },
    },
  });
  return { cache, counts };
}

function kept(number: number, now_ms: number): Keeping {
  const { entry_id, created_ms, expires_ms, tier, model, cost_usd } = entryOf(number, new Int8Array(0), now_ms);
  const answer = { entry_id, created_ms, expires_ms, tier, model, cost_usd, response: RESPONSE };
  return { tenant: TENANT, entry_id, answer };
}
