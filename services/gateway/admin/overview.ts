/**
 * `GET /admin/overview`: how the pipeline is doing. Read while somebody looks, once for all who do: what has ended in the last two seconds
 * is read from Postgres, what is further back is remembered.
 */
import type { BacklogReport } from "../../../libs/shared/kafka/backlog.ts";
import type { Routes } from "../route.ts";
import { type AdminDeps, adminDoc, adminOf } from "./acting.ts";
import { type Overview, overviewSchema } from "./overview-shape.ts";
import { remembered } from "./remembered.ts";
import { type SlotRange, SlotRing, type SlotRow } from "./slots.ts";

export type OverviewDeps = AdminDeps & {
  readonly slotRows: (range: SlotRange) => Promise<readonly SlotRow[]>;
  readonly backlog: (now_ms: number) => Promise<BacklogReport>;
  /** Whose growth is the rate of requests. */
  readonly request_topics: readonly string[];
};

const REFRESH_MS = 2_000;
/** Groups take several questions each. */
const BACKLOG_MS = 5_000;

const DOC = adminDoc("How the pipeline is doing", {
  replies: { 200: { what: "Rates, spend, latencies, hits and what groups are behind", json: overviewSchema } },
});

export function overviewRoutes(deps: OverviewDeps): Routes {
  const look = overviewOf(deps);
  return (app) => {
    app.get("/admin/overview", DOC, async (http, reply) => {
      if (adminOf(deps, http, reply) === undefined) return reply;
      return reply.send(await look());
    });
  };
}

/** For all who ask. @returns what rejects (retryable) while Postgres is away; without Kafka, the groups are null. */
export function overviewOf({ clock, log, slotRows, backlog, request_topics }: OverviewDeps): () => Promise<Overview> {
  const ring = new SlotRing();
  const rate = new Rate();
  const backlogs = remembered(clock, BACKLOG_MS, async () => {
    const now_ms = clock.now_ms();
    try {
      const report = await backlog(now_ms);
      const written = request_topics.reduce((sum, topic) => sum + (report.ends.get(topic) ?? 0), 0);
      rate.add(now_ms, written);
      return report.backlogs;
    } catch (error) {
      log.debug({ error }, "the groups cannot be looked at");
      return null;
    }
  });
  return remembered(clock, REFRESH_MS, async () => {
    const now_ms = clock.now_ms();
    const groups = backlogs();
    for (const range of ring.wanted(now_ms)) ring.put(range, await slotRows(range), now_ms);
    return {
      object: "overview",
      at_ms: now_ms,
      now: { ...ring.recent(now_ms), requests_per_s: rate.per_s },
      minutes: ring.minutes(now_ms),
      complete: ring.complete(now_ms),
      groups: (await groups)?.map((one) => ({ ...one })) ?? null,
    };
  });
}

/** How fast a sum grows, between the last two looks. */
class Rate {
  #last: { readonly at_ms: number; readonly sum: number } | undefined;
  #per_s: number | null = null;

  add(at_ms: number, sum: number): void {
    const last = this.#last;
    // Nobody looked for a while: an average of that while says nothing of now.
    const is_recent = last !== undefined && at_ms - last.at_ms <= 30_000;
    if (is_recent && at_ms > last.at_ms) this.#per_s = Math.max(0, ((sum - last.sum) * 1_000) / (at_ms - last.at_ms));
    if (!is_recent) this.#per_s = null;
    this.#last = { at_ms, sum };
  }

  get per_s(): number | null {
    return this.#per_s;
  }
}
