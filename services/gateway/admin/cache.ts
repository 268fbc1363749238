/** The cache over all tenants: what it came to, why it answered by meaning, what is in it, and taking entries away. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Plan, planOf } from "../../../libs/shared/cache/purge-plan.ts";
import { patternProblem, selectorMatch } from "../../../libs/shared/cache/selector.ts";
import { statsOf } from "../../../libs/shared/cache/stats-of.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { type CacheSelector, controlRecord } from "../../../libs/shared/events/control.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Publisher } from "../../../libs/shared/kafka/ports.ts";
import type { Routes } from "../route.ts";
import { sendWrong } from "../sending.ts";
import { type AdminDeps, actor, adminDoc, adminOf, askedOf, noteAct } from "./acting.ts";
import type { CacheChecks } from "./cache-checks.ts";
import { type CacheFigures, cacheFigures } from "./cache-figures.ts";
import type { Scanned } from "./cache-scan.ts";
import * as shapes from "./cache-shapes.ts";
import type { Figures } from "./figures-rows.ts";
import type { Reads } from "./reads.ts";
import { newestHeads } from "./result-heads.ts";

export type AdminCacheDeps = AdminDeps & {
  readonly reads: Reads;
  readonly figures: () => Promise<Figures>;
  /** Of the last day. */
  readonly checks: { ask(): Promise<CacheChecks> };
  readonly scan: () => Promise<Scanned>;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly publisher: Publisher;
};

const TENANTS_MAX = 100;
const DAY_MS = 86_400_000;
const SAMPLE_CHARS = 80;

export function adminCacheRoutes(deps: AdminCacheDeps): Routes {
  const figures = { replies: { 200: { what: "Figures of the last hour and day", json: shapes.figuresSchema } } };
  const hits = {
    query: shapes.hitsQuery,
    replies: { 200: { what: "The newest first", json: shapes.hitsSchema } },
  };
  const entries = { replies: { 200: { what: "Sums of what llm.cache holds", json: shapes.entriesSchema } } };
  const purging = {
    body: shapes.purgeBody,
    replies: {
      200: { what: "What would go, or is told to go", json: shapes.purgeSchema },
      400: { what: "A field is wrong" },
    },
  };
  return (app) => {
    app.get("/admin/cache", adminDoc("What the cache came to", figures), (http, reply) => look(deps, http, reply));
    app.get("/admin/cache/hits", adminDoc("Semantic hits with their evidence", hits), (http, reply) =>
      listHits(deps, http, reply),
    );
    app.get("/admin/cache/entries", adminDoc("Count the cache's entries", entries), (http, reply) =>
      count(deps, http, reply),
    );
    app.post("/admin/cache/purge", adminDoc("Take entries out of the cache, after a dry run", purging), (http, reply) =>
      purge(deps, http, reply),
    );
  };
}

async function look(deps: AdminCacheDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  if (adminOf(deps, http, reply) === undefined) return reply;
  const [figures, checks] = await Promise.all([deps.figures(), checksOrNone(deps)]);
  const { tenants, ...all }: CacheFigures = cacheFigures(figures, TENANTS_MAX);
  const now_ms = deps.clock.now_ms();
  return reply.send({
    object: "cache",
    at_ms: figures.at_ms,
    ...all,
    checks: checks?.counts(now_ms) ?? null,
    wrong: checks?.wrong(now_ms) ?? [],
    tenants: tenants.map((one) => ({ ...one, checks: checks?.counts(now_ms, one.tenant) ?? null })),
  });
}

/** The other figures are worth seeing without them. */
async function checksOrNone({ checks, log }: AdminCacheDeps): Promise<CacheChecks | undefined> {
  try {
    return await checks.ask();
  } catch (error) {
    log.warn({ error }, "checks of the cache cannot be read");
    return undefined;
  }
}

async function listHits(deps: AdminCacheDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, shapes.hitsQuery, "query", http, reply);
  if (call === undefined) return reply;
  const { tenant, before_ms, limit } = call.asked;
  const now_ms = deps.clock.now_ms();
  const filter = { tenant, cache: ["semantic"], before_ms, limit: limit + 1 };
  const heads = await newestHeads(deps.reads, { ...filter, from_ms: now_ms - DAY_MS }, now_ms);
  return reply.send({ object: "list", data: heads.slice(0, limit).map(shapes.hitOf), has_more: heads.length > limit });
}

async function count(deps: AdminCacheDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  if (adminOf(deps, http, reply) === undefined) return reply;
  const { view, partial } = await deps.scan();
  const { tenants, ...sums } = statsOf(view.entries(), deps.clock.now_ms());
  return reply.send({ object: "cache.entries", partial, ...sums, tenants: tenants.slice(0, TENANTS_MAX) });
}

async function purge(deps: AdminCacheDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, shapes.purgeBody, "body", http, reply);
  if (call === undefined) return reply;
  const { asked, caller } = call;
  const at_ms = deps.clock.now_ms();
  const { dry_run, why, all: _, older_than_s, ...named } = asked;
  const selector: CacheSelector = {
    ...named,
    ...(older_than_s === undefined ? {} : { before_ms: at_ms - older_than_s * 1_000 }),
  };
  const problem = named.pattern === undefined ? undefined : patternProblem(named.pattern);
  if (problem !== undefined) return sendWrong(reply, "pattern", `cannot be read as RE2: ${problem}`);
  if (dry_run) {
    const { view, partial } = await deps.scan();
    const { entries: __, ...plan }: Plan = planOf(view.entries().filter(selectorMatch(selector, at_ms)), shorten);
    return reply.send({ object: "cache.purge", done: false, selector, partial, ...plan });
  }
  const event = {
    kind: "invalidate",
    selector,
    at_ms,
    by: actor(caller),
    ...(why === undefined ? {} : { why }),
  } as const;
  await deps.publisher.publish([controlRecord(deps.codec, deps.names.control, event)]);
  // A pattern may hold words of somebody's question.
  const { pattern, ...told } = selector;
  noteAct(deps, caller, "purge_cache", { ...told, by_pattern: pattern !== undefined });
  return reply.send({ object: "cache.purge", done: true, selector });
}

function shorten(text: string): string {
  const flat = [
    ...text
      .slice(0, 4 * SAMPLE_CHARS)
      .replace(/\s+/g, " ")
      .trim(),
  ];
  return flat.length <= SAMPLE_CHARS ? flat.join("") : `${flat.slice(0, SAMPLE_CHARS - 1).join("")}…`;
}
