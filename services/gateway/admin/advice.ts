/**
 * `GET /admin/advice`: what limits the pipeline. Looked at while somebody looks, once for all who do: the first asks and waits some seconds, for
 * rates need two looks; who asks later has the time since an earlier look.
 */
import type { Advice, FullLook, PipelineLooks } from "../../../libs/shared/advice/looking.ts";
import type { Look } from "../../../libs/shared/advice/observe.ts";
import { type Clock, sleep } from "../../../libs/shared/clock.ts";
import type { Routes } from "../route.ts";
import { type AdminDeps, adminDoc, adminOf } from "./acting.ts";
import { type AdviceReply, adviceSchema } from "./advice-shape.ts";
import { remembered } from "./remembered.ts";

export type AdviceDeps = AdminDeps & { readonly looks: Pick<PipelineLooks, "full" | "advice"> };

const REFRESH_MS = 3_000;
/** Beats come every two seconds: over less, rates are rough. */
const APART_MS_MIN = 6_000;
/** Older looks tell of what was. */
const APART_MS_MAX = 20_000;

const DOC = adminDoc("What limits the pipeline, and what to change", {
  replies: { 200: { what: "Findings, the true bottleneck first, and how stages stand", json: adviceSchema } },
});

export function adviceRoutes(deps: AdviceDeps): Routes {
  const advise = adviceOf(deps);
  return (app) => {
    app.get("/admin/advice", DOC, async (http, reply) => {
      if (adminOf(deps, http, reply) === undefined) return reply;
      return reply.send(replyOf(await advise()));
    });
  };
}

/** For all who ask. @returns what rejects (retryable) while Redis or Kafka is away. */
export function adviceOf({ looks, clock }: { readonly looks: AdviceDeps["looks"]; readonly clock: Clock }) {
  let kept: readonly FullLook[] = [];
  return remembered(clock, REFRESH_MS, async (): Promise<Advice> => {
    const now_ms = clock.now_ms();
    kept = kept.filter(({ at_ms }) => now_ms - at_ms <= APART_MS_MAX);
    const first = kept[0] ?? (await looks.full());
    const wait_ms = APART_MS_MIN - (clock.now_ms() - first.at_ms);
    if (wait_ms > 0) await sleep(clock, wait_ms);
    const last = await looks.full();
    const between: readonly Look[] = kept.slice(1);
    kept = [...(kept.length === 0 ? [first] : kept), last];
    return looks.advice(first, between, last, false);
  });
}

function replyOf({ at_ms, seconds, findings, observation }: Advice): AdviceReply {
  return {
    object: "advice",
    at_ms,
    seconds,
    findings: findings.map(({ evidence, ...finding }) => ({
      ...finding,
      evidence: evidence.map((one) => ({ ...one })),
    })),
    stages: observation.stages.map((stage) => ({
      name: stage.name,
      arrivals_per_s: stage.arrivals_per_s,
      done_per_s: stage.done_per_s,
      lag: stage.lag,
      growth_per_s: stage.growth_per_s,
      oldest_age_ms: stage.oldest_age_ms,
      processes: stage.members.length,
      utilisation: stage.utilisation,
      loop_busy: Math.max(0, ...stage.members.map(({ loop_busy }) => loop_busy)),
      service_ms: stage.service_ms,
    })),
  };
}
