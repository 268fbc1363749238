/** Replays: asked for, looked at before they cost anything, started, paused, cancelled and compared. `services/replay` runs them. */
import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { describe, SluiceError } from "../../../libs/shared/errors.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import { nusd } from "../../../libs/shared/money.ts";
import { REPLAY_ID_PATTERN, replayId } from "../../../libs/shared/replay/id.ts";
import { postedProblem } from "../../../libs/shared/replay/posted-settings.ts";
import type { Replay, ReplaySpec, ReplayStore } from "../../../libs/shared/replay/replay.ts";
import { defaultTopics, specProblem, topicList } from "../../../libs/shared/replay/spec.ts";
import { listOf, listSchema, pageQuery } from "../lists.ts";
import type { Routes } from "../route.ts";
import { sendNone, sendWrong } from "../sending.ts";
import { type AdminDeps, actor, adminDoc, adminOf, askedOf, noteAct, sendConflict } from "./acting.ts";
import * as shapes from "./replay-shapes.ts";

export type AdminReplayDeps = AdminDeps & {
  readonly replays: Pick<ReplayStore, "create" | "find" | "list" | "ask" | "want">;
  readonly names: TopicNames;
  /** As deployed. */
  readonly settings: Pick<Settings, "endpoints" | "routing" | "cache">;
  readonly tiers: readonly string[];
};

type One = { Params: { id: string } };
const RANDOM_BYTES = 6;

export function adminReplayRoutes(deps: AdminReplayDeps): Routes {
  const none = { 404: { what: "There is no such replay" } };
  const state = { 200: { what: "The replay as it is now", json: shapes.replaySchema } };
  const listing = {
    query: pageQuery,
    replies: { 200: { what: "The latest first", json: listSchema(shapes.replaySchema) } },
  };
  const compared = shapes.replaySchema.extend({ comparison: z.unknown() });
  const one = { replies: { 200: { what: "With its comparison", json: compared }, ...none } };
  const making = { body: shapes.createBody, replies: { ...state, 400: { what: "A field is wrong" } } };
  const conflict = { 409: { what: "It does not fit its state" } };
  const starting = { body: shapes.startBody, replies: { ...state, ...none, ...conflict } };
  const wanting = { replies: { ...state, ...none } };
  return (app) => {
    app.get("/admin/replays", adminDoc("List replays", listing), (http, reply) => list(deps, http, reply));
    app.post("/admin/replays", adminDoc("Ask for a replay; it is previewed first", making), (http, reply) =>
      create(deps, http, reply),
    );
    app.get<One>("/admin/replays/:id", adminDoc("Look at a replay", one), async (http, reply) => {
      const found = await inPath(deps, http, reply);
      return found === undefined
        ? reply
        : reply.send({ ...shapes.replayOf(found), comparison: found.comparison ?? null });
    });
    app.post<One>("/admin/replays/:id/start", adminDoc("Start a replay, or go on with it", starting), (http, reply) =>
      start(deps, http, reply),
    );
    for (const wanted of ["pause", "cancel"] as const) {
      const doc = adminDoc(`${wanted === "pause" ? "Pause" : "Cancel"} a replay`, wanting);
      app.post<One>(`/admin/replays/:id/${wanted}`, doc, (http, reply) => want(deps, wanted, http, reply));
    }
  };
}

async function list(deps: AdminReplayDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, pageQuery, "query", http, reply);
  if (call === undefined) return reply;
  const { limit, after } = call.asked;
  const found = await deps.replays.list({ limit: limit + 1, ...(after === undefined ? {} : { after }) });
  return reply.send(listOf(found.map(shapes.replayOf), limit));
}

async function create(deps: AdminReplayDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, shapes.createBody, "body", http, reply);
  if (call === undefined) return reply;
  const { spec: asked, budget_usd } = call.asked;
  const topic = asked.selection.topic ?? topicList(defaultTopics(deps.names, deps.tiers, asked.stage));
  const spec = { ...asked, selection: { ...asked.selection, topic } } as ReplaySpec;
  const problem = specProblem(spec);
  if (problem !== undefined) return sendWrong(reply, `spec.${problem.field}`, problem.message);
  // Another settings file may have other tiers.
  if (spec.tier !== undefined && !deps.tiers.includes(spec.tier)) {
    return sendWrong(reply, "spec.tier", `there is no such tier; there are ${deps.tiers.join(", ")}`);
  }
  const unread = spec.settings === undefined ? undefined : settingsProblem(spec.settings, deps.settings);
  if (unread !== undefined) return sendWrong(reply, "spec.settings", unread);
  const created_ms = deps.clock.now_ms();
  const id = replayId(created_ms, randomBytes(RANDOM_BYTES));
  const budget = budget_usd === undefined ? {} : { budget_nusd: nusd(budget_usd) };
  await deps.replays.create({ id, spec, runner: "service", by: actor(call.caller), created_ms, ...budget });
  noteAct(deps, call.caller, "create_replay", { replay: id, mode: spec.mode });
  const made = await deps.replays.find(id);
  if (made === undefined) throw new Error(`the replay ${id} was made and is not there`);
  return reply.send(shapes.replayOf(made));
}

function settingsProblem(
  { name, yaml }: NonNullable<ReplaySpec["settings"]>,
  deployed: AdminReplayDeps["settings"],
): string | undefined {
  try {
    return postedProblem(parseSettings(yaml, name), deployed);
  } catch (error) {
    if (error instanceof SluiceError && error.code === "settings_invalid") return describe(error);
    throw error;
  }
}

async function start(deps: AdminReplayDeps, http: FastifyRequest<One>, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, shapes.startBody, "body", http, reply);
  const found = call === undefined ? undefined : await inPath(deps, http, reply);
  if (call === undefined || found === undefined) return reply;
  const { budget_usd } = call.asked;
  const budget_nusd = budget_usd === undefined ? undefined : nusd(budget_usd);
  const { id } = found;
  if (budget_nusd !== undefined && budget_nusd < found.totals.cost_nusd) {
    return sendWrong(reply, "budget_usd", "must be more than what it has spent already");
  }
  if (!(await deps.replays.ask(id, "service", budget_nusd, deps.clock.now_ms()))) {
    return sendConflict(reply, `the replay is ${found.status}: only one that waits, is paused or failed is started`);
  }
  noteAct(deps, call.caller, "start_replay", { replay: id, budget_usd });
  return reply.send(shapes.replayOf((await deps.replays.find(id)) ?? found));
}

async function want(
  deps: AdminReplayDeps,
  wanted: "pause" | "cancel",
  http: FastifyRequest<One>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = adminOf(deps, http, reply);
  const { id } = http.params;
  if (caller === undefined) return reply;
  const now = REPLAY_ID_PATTERN.test(id) ? await deps.replays.want(id, wanted, deps.clock.now_ms()) : undefined;
  if (now === undefined) return sendNone(reply, "id", "there is no such replay");
  noteAct(deps, caller, `${wanted}_replay`, { replay: id });
  return reply.send(shapes.replayOf(now));
}

async function inPath(
  deps: AdminReplayDeps,
  http: FastifyRequest<One>,
  reply: FastifyReply,
): Promise<Replay | undefined> {
  if (adminOf(deps, http, reply) === undefined) return undefined;
  const { id } = http.params;
  const found = REPLAY_ID_PATTERN.test(id) ? await deps.replays.find(id) : undefined;
  if (found === undefined) sendNone(reply, "id", "there is no such replay");
  return found;
}
