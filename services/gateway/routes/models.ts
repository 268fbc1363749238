/** `GET /v1/models`: what a caller may put into `model`: `auto`, the tiers and the models that its tenant's plan allows. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { resolvePlan } from "../../../libs/shared/budgets/plan.ts";
import type { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { ladderOf } from "../../../libs/shared/routing/ladder.ts";
import type { Caller, KeyRing } from "../keys.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import { failure, send } from "../sending.ts";

export type ModelDeps = {
  readonly keys: KeyRing;
  readonly settings: Pick<Settings, "tiers" | "plans" | "tenants" | "routing">;
  /** Tenants as they were changed while it runs. */
  readonly tenants: Pick<TenantBook, "record">;
};

const modelSchema = z.object({
  id: z.string().describe("What to put into `model`."),
  object: z.literal("model"),
  created: z.int().describe("0: not known."),
  owned_by: z.string(),
});
const listSchema = z.object({ object: z.literal("list"), data: z.array(modelSchema) });

type Model = z.infer<typeof modelSchema>;

const AUTO = "auto";
const TAG = "Models";

export function modelRoutes(deps: ModelDeps): Routes {
  return (app) => {
    app.get(
      "/v1/models",
      documented({
        summary: "What may be asked for",
        tag: TAG,
        scope: "read",
        replies: { 200: { what: "The models, auto and tiers first", json: listSchema } },
      }),
      (request, reply) => list(deps, request, reply),
    );
    // Names such as `org/model` come with and without their slash escaped.
    app.get<{ Params: { "*": string } }>(
      "/v1/models/*",
      documented({
        summary: "One model",
        tag: TAG,
        scope: "read",
        replies: { 200: { what: "The model", json: modelSchema } },
      }),
      (request, reply) => one(deps, request, reply),
    );
  };
}

/** Those of the tenant, each name once: the choice is ours, then tiers, then models. Pure. */
export function modelsOf({ settings, tenants }: Omit<ModelDeps, "keys">, tenant: string): readonly Model[] {
  const plan = resolvePlan(settings, tenant, tenants.record(tenant));
  if (plan === undefined) return [];
  const { features } = plan;
  const allowed = Object.entries(settings.tiers).filter(
    ([name, { kind }]) => plan.tiers?.includes(name) !== false && features?.includes(kind) !== false,
  );
  const names = new Set(allowed.map(([name]) => name));
  const choosable = (["chat", "embeddings"] as const).some((kind) =>
    ladderOf(settings, kind).some((name) => names.has(name)),
  );
  const ids = [...(choosable ? [AUTO] : []), ...names, ...allowed.flatMap(([, { models }]) => models)];
  return [...new Set(ids)].map((id) => ({ id, object: "model", created: 0, owned_by: ownerOf(id, names) }));
}

/** `org/model` is the organisation's; of others only that they are a model's or our own name is known. */
function ownerOf(id: string, tiers: ReadonlySet<string>): string {
  if (id === AUTO || tiers.has(id)) return "sluice";
  const slash = id.indexOf("/");
  return slash > 0 ? id.slice(0, slash) : "system";
}

/** Whoever may ask models, or look at what became of it. */
function callerOfAny(deps: ModelDeps, http: FastifyRequest, reply: FastifyReply): Caller | undefined {
  const submits = deps.keys.authenticate(http.headers.authorization, "submit");
  return submits.ok ? submits.caller : callerOf(deps.keys, http, "read", reply);
}

function list(deps: ModelDeps, http: FastifyRequest, reply: FastifyReply): FastifyReply {
  const caller = callerOfAny(deps, http, reply);
  if (caller === undefined) return reply;
  return reply.send({ object: "list", data: modelsOf(deps, caller.tenant) });
}

function one(deps: ModelDeps, http: FastifyRequest<{ Params: { "*": string } }>, reply: FastifyReply): FastifyReply {
  const caller = callerOfAny(deps, http, reply);
  if (caller === undefined) return reply;
  const id = http.params["*"];
  const found = modelsOf(deps, caller.tenant).find((model) => model.id === id);
  if (found !== undefined) return reply.send(found);
  const message = `model: "${id.slice(0, 200)}" is none that may be asked for; GET /v1/models lists those`;
  return send(
    reply,
    errorReply(404, { ...failure("model_not_found", "invalid_request_error", message), param: "model" }),
  );
}
