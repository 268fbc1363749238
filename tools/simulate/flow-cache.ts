/**
 * The cache of one router process, wired as `services/router/cache/parts.ts` wires it, on simulated stores. A toy stands for the embedding
 * model, the guard and the verifier, and nothing is invalidated.
 */
import { answering, answeringNames } from "../../libs/shared/cache/answering.ts";
import { cacheSchema } from "../../libs/shared/config/cache.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import { silentLog } from "../../libs/shared/log.ts";
import type { CacheAnswers, Look } from "../../libs/shared/redis/cache-answers.ts";
import { sensitiveKind } from "../../libs/shared/sensitive/sensitive.ts";
import { MergedLooks } from "../../services/router/cache/answers.ts";
import { cacheAskOf } from "../../services/router/cache/ask.ts";
import { Coalescing } from "../../services/router/cache/coalescing.ts";
import { MemoryIndex } from "../../services/router/cache/index/memory-index.ts";
import type { EntryPlace } from "../../services/router/cache/keeper.ts";
import { LocalAnswers } from "../../services/router/cache/local.ts";
import { LayeredCache } from "../../services/router/cache/lookup.ts";
import { CacheViewWriter } from "../../services/router/cache/view.ts";
import type { RouterDeps } from "../../services/router/handler.ts";
import type { RoutingTable } from "../../services/router/table.ts";
import { cacheKeeper } from "./flow-keeper.ts";
import { names, READ_BYTES_MAX } from "./flow-stages.ts";
import { follow } from "./follower.ts";
import type { SimulatedLog } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { Plant } from "./scenario.ts";
import { cacheAnswers, type Stores } from "./stores.ts";
import { TOY_DIMENSIONS, TOY_MODEL, TOY_THRESHOLD, toyEmbedder, toyVerifier } from "./toy-meaning.ts";

export type CacheShared = {
  readonly stores: Stores;
  readonly log: SimulatedLog;
  readonly table: RoutingTable;
  readonly cache: SimulatedCacheSettings;
  readonly plant: Plant | undefined;
};

export type SimulatedCacheSettings = ReturnType<typeof drawCacheSettings>;

/** Small bounds, so that some are reached. */
export function drawCacheSettings(random: Random, plant: Plant | undefined) {
  const settings = cacheSchema.parse({
    request_bytes_max: READ_BYTES_MAX,
    exact: { local_entries_max: random.int(1, 20) },
    coalesce: {
      waiting_max: random.chance(0.2) ? random.int(1, 3) : 1_000,
      wait_ms_max: random.int(1_000, 20_000),
      poll_ms: random.int(100, 2_000),
    },
    semantic: {
      embedding: { model: TOY_MODEL },
      candidates_max: random.int(1, 4),
      entries_max: random.chance(0.2) ? random.int(1, 5) : 1_000,
    },
  });
  if (plant !== "deaf-followers") return settings;
  return { ...settings, coalesce: { ...settings.coalesce, wait_ms_max: Number.POSITIVE_INFINITY } };
}

export function routerCache(
  process: SimulatedProcess,
  { codec, publisher }: Pick<RouterDeps, "codec" | "publisher">,
  shared: CacheShared,
): RouterDeps["lookUp"] {
  const { stores, log, table, cache: settings, plant } = shared;
  const { clock } = process;
  const answers = keptAnswers(process, stores, plant);
  const looks = new MergedLooks(plant === "deaf-followers" ? deaf(answers) : answers);
  const local = new LocalAnswers(settings.exact);
  const coalescing = new Coalescing({ looks, answers, clock, settings: settings.coalesce });
  const index = new MemoryIndex({ ...settings.semantic, dimensions: TOY_DIMENSIONS });
  const keeper = cacheKeeper({
    ...{ process, stores, log, codec, publisher, index, local, answers },
    caughtUp: () => caughtUp(),
  });
  const expired = (entry: EntryPlace): void => keeper.expired(entry);
  const view = new CacheViewWriter({ codec, index, dimensions: TOY_DIMENSIONS, clock, log: silentLog, expired });
  const caughtUp = follow(process, log, names.cache, (records) => view.write(records));
  keeper.start();
  hearEnded(process, stores, coalescing);
  const layered = new LayeredCache({
    ...{ looks, local, coalescing, index, clock, settings },
    embedder: toyEmbedder(process),
    verifier: toyVerifier,
    threshold: () => TOY_THRESHOLD,
    seen: { rejected: () => undefined, gone: () => keeper.gone(), notEmbedded: () => undefined },
  });
  return async (head, { body, facts, output_tokens_max }, stopping) => {
    const models = answeringNames(answering(head, table));
    const asking = plant === "cache-across-tenants" ? { ...head, tenant: EVERYBODY } : head;
    const context = { settings, models, output_tokens_max, sensitive: sensitiveKind };
    const ask = cacheAskOf(asking, body, facts, context);
    return "bypass" in ask ? { kind: "bypass", why: ask.bypass } : layered.lookUp(ask, stopping);
  };
}

/** The word goes to every router; who is away does not hear it. */
function hearEnded(process: SimulatedProcess, stores: Stores, coalescing: Coalescing): void {
  const lost = (): Error => unavailable("redis", new Error("connection reset"));
  const hear: Parameters<typeof stores.hearers.add>[0] = (ref) => {
    if (!process.alive) stores.hearers.delete(hear);
    else {
      void process
        .call("redis: hear of a lead", () => undefined, { lost })
        .then(
          () => coalescing.heard(ref),
          () => undefined,
        );
    }
  };
  stores.hearers.add(hear);
}

const EVERYBODY = "everybody";

/** As router and results have them. */
export function keptAnswers(process: SimulatedProcess, stores: Stores, plant: Plant | undefined): CacheAnswers {
  const answers = cacheAnswers(process, stores);
  return plant === "cache-across-tenants" ? withoutTenants(answers) : answers;
}

/** A planted bug: answers and leads have names without their tenant. */
function withoutTenants(answers: CacheAnswers): CacheAnswers {
  const anybody = <T>(one: T): T & { tenant: string } => ({ ...one, tenant: EVERYBODY });
  return {
    ...answers,
    look: (looks) => answers.look(looks.map(anybody)),
    finish: (kept, leads, now_ms) => answers.finish(kept.map(anybody), leads.map(anybody), now_ms),
    restore: (kept, now_ms) => answers.restore(kept.map(anybody), now_ms),
    remove: (refs) => answers.remove(refs.map(anybody)),
  };
}

/** A planted bug: who waits never hears that nobody leads any more; and the wait has no bound. */
function deaf({ look }: Pick<CacheAnswers, "look">): Pick<CacheAnswers, "look"> {
  const leaders = new Map<string, string>();
  return {
    async look(looks) {
      const sights = await look(looks);
      return sights.map((sight, at) => {
        const { tenant, entry_id, lead } = looks[at] as Look;
        if (lead === undefined) return sight;
        const name = `${tenant} ${entry_id} ${lead.lane}`;
        const leader = sight.leader ?? leaders.get(name);
        if (leader !== undefined) leaders.set(name, leader);
        return { ...sight, leader };
      });
    },
  };
}
