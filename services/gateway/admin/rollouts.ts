/** Rollouts: how far they are, what both sides come to, and moving them, by the same records as the command line writes. */
import { resolve } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { wantsEmbeddings } from "../../../libs/shared/embedding/place.ts";
import { describe, SluiceError } from "../../../libs/shared/errors.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { controlRecord, type RolloutEvent } from "../../../libs/shared/events/control.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Publisher } from "../../../libs/shared/kafka/ports.ts";
import { changeProblem, type RolloutChange } from "../../../libs/shared/rollout/changes.ts";
import type { RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";
import { StageStats } from "../../../libs/shared/rollout/side-stats.ts";
import { rolloutView, stageView } from "../../../libs/shared/rollout/stage-view.ts";
import { type Step, started, stepped } from "../../../libs/shared/rollout/steps.ts";
import { loadPolicy } from "../../../libs/shared/routing/policy-file.ts";
import type { Routes } from "../route.ts";
import { sendNone, sendWrong } from "../sending.ts";
import { type AdminDeps, actor, adminDoc, adminOf, askedOf, noteAct, sendConflict } from "./acting.ts";
import type { Reads } from "./reads.ts";
import { newestHeads } from "./result-heads.ts";
import { rolloutSeries } from "./rollout-series.ts";
import * as shapes from "./rollout-shapes.ts";

export type AdminRolloutDeps = AdminDeps & {
  readonly reads: Reads;
  /** Every rollout that `llm.control` still tells of. */
  readonly rollouts: { ask(): Promise<RolloutBook> };
  readonly settings: Settings;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly publisher: Publisher;
};

type One = { Params: { name: string } };

/** Of the newest results; both sides are judged by these. */
const RESULTS_MAX = 3_000;
const ACTS = ["move", "pause", "resume", "rollback", "finish"] as const;

export function adminRolloutRoutes(deps: AdminRolloutDeps): Routes {
  const none = { 404: { what: "There is no such rollout" } };
  const state = { 200: { what: "The state", json: shapes.rolloutSchema }, 409: { what: "It does not fit its state" } };
  const listing = { replies: { 200: { what: "The latest first", json: shapes.rolloutsSchema } } };
  const one = { replies: { 200: { what: "With both sides", json: shapes.stageSchema }, ...none } };
  const starting = { body: shapes.startBody, replies: { ...state, 400: { what: "A field is wrong" } } };
  return (app) => {
    app.get("/admin/rollouts", adminDoc("List rollouts", listing), (http, reply) => list(deps, http, reply));
    app.post("/admin/rollouts", adminDoc("Start a rollout", starting), (http, reply) => start(deps, http, reply));
    app.get<One>("/admin/rollouts/:name", adminDoc("Look at a rollout", one), (http, reply) => show(deps, http, reply));
    for (const act of ACTS) {
      const body = act === "move" ? { body: shapes.moveBody } : {};
      const doc = adminDoc(shapes.ACT_SUMMARIES[act], { ...body, replies: { ...state, ...none } });
      app.post<One>(`/admin/rollouts/:name/${act}`, doc, (http, reply) => step(deps, act, http, reply));
    }
  };
}

async function list(deps: AdminRolloutDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  if (adminOf(deps, http, reply) === undefined) return reply;
  const all = (await deps.rollouts.ask()).all();
  return reply.send({ object: "list", data: all.map(({ state }) => viewOf(deps, state)) });
}

function viewOf({ settings }: AdminRolloutDeps, state: RolloutEvent) {
  return { object: "rollout" as const, ...rolloutView(state, changeProblem(state.change, settings)) };
}

async function show(deps: AdminRolloutDeps, http: FastifyRequest<One>, reply: FastifyReply): Promise<FastifyReply> {
  if (adminOf(deps, http, reply) === undefined) return reply;
  const state = (await deps.rollouts.ask()).get(http.params.name)?.state;
  if (state === undefined) return sendNone(reply, "name", "there is no such rollout");
  const { change } = state;
  const { rollout } = deps.settings.routing;
  const stats = new StageStats(state);
  const tier = change.of === "policy" ? undefined : change.tier;
  const of = { tier, cache: ["miss", "bypass"], from_ms: stats.from_ms, limit: RESULTS_MAX };
  const heads = await newestHeads(deps.reads, of, deps.clock.now_ms());
  for (const head of heads) stats.add(head);
  const problem = changeProblem(change, deps.settings);
  return reply.send({
    object: "rollout",
    ...stageView(state, problem, stats, rollout, deps.clock.now_ms()),
    results_of: heads.length,
    series: rolloutSeries(state, heads),
    stages: rollout.stages,
  });
}

async function start(deps: AdminRolloutDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, shapes.startBody, "body", http, reply);
  if (call === undefined) return reply;
  const { change: asked, ...rest } = call.asked;
  const change = asked.of === "policy" ? { ...asked, policy_file: resolve(asked.policy_file) } : asked;
  const problem = changeProblem(change, deps.settings) ?? (await policyProblem(change, deps.settings));
  if (problem !== undefined) return sendWrong(reply, "change", problem);
  const book = await deps.rollouts.ask();
  const by = actor(call.caller);
  const to = { ...rest, change, by, now_ms: deps.clock.now_ms() };
  return told(
    deps,
    book,
    reply,
    () => started(book, deps.settings.routing.rollout, to),
    (state) => noteAct(deps, call.caller, "start_rollout", { rollout: state.name, percent: state.percent }),
  );
}

/** Routers find the file at the same path, or go on as before. */
async function policyProblem(change: RolloutChange, settings: Settings): Promise<string | undefined> {
  if (change.of !== "policy") return undefined;
  if (!wantsEmbeddings(settings)) return "a policy needs embeddings, and the settings have none";
  try {
    await loadPolicy(change.policy_file);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

async function step(
  deps: AdminRolloutDeps,
  act: (typeof ACTS)[number],
  http: FastifyRequest<One>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const call = askedOf(deps, act === "move" ? shapes.moveBody : z.looseObject({}), "body", http, reply);
  if (call === undefined) return reply;
  const book = await deps.rollouts.ask();
  const known = book.get(http.params.name)?.state;
  if (known === undefined) return sendNone(reply, "name", "there is no such rollout");
  const wanted: Step = act === "move" ? { kind: act, percent: Number(call.asked["percent"]) } : { kind: act };
  const now_ms = deps.clock.now_ms();
  return told(
    deps,
    book,
    reply,
    () => stepped(known, wanted, actor(call.caller), now_ms),
    (state) => noteAct(deps, call.caller, `${act}_rollout`, { rollout: state.name, percent: state.percent }),
  );
}

/** Writes the state that follows, so that every router and this gateway have it; or says why none does. */
async function told(
  deps: AdminRolloutDeps,
  book: RolloutBook,
  reply: FastifyReply,
  next: () => RolloutEvent,
  note: (state: RolloutEvent) => void,
): Promise<FastifyReply> {
  let state: RolloutEvent;
  try {
    state = next();
  } catch (error) {
    if (error instanceof SluiceError && error.code === "usage") return sendConflict(reply, describe(error));
    throw error;
  }
  await deps.publisher.publish([controlRecord(deps.codec, deps.names.control, state)]);
  book.apply(state, state.at_ms);
  note(state);
  return reply.send(viewOf(deps, state));
}
