/** Everything beside the model calls: health, models, stats, and the faults that can be changed while it runs. */

import { badRequest, errorOfStatus } from "../errors.ts";
import { type Exchange, readJson, sendError, sendJson } from "../http.ts";
import type { Mock } from "../mock.ts";
import { MODELS_DEFAULT, patchBehaviour } from "../options.ts";
import type { Route } from "../router.ts";

const IDS_LISTED_DEFAULT = 1_000;
const IDS_LISTED_MAX = 200_000;

/** The routes that a provider has none of, and its list of models. */
export function adminRoutes(mock: Mock): Route[] {
  const models = modelObjects(mock);
  return [
    { method: "GET", path: "/healthz", access: "open", handle: (exchange) => reply(exchange, { status: "ok" }) },
    {
      method: "GET",
      path: "/v1/models",
      access: "keyed",
      handle: (exchange) => reply(exchange, { object: "list", data: [...models.values()] }),
    },
    {
      method: "GET",
      path: "/v1/models/:model",
      access: "keyed",
      handle: (exchange) => {
        const model = models.get(decoded(exchange.params["model"] ?? ""));
        if (model === undefined) sendError(exchange, errorOfStatus(404));
        else reply(exchange, model);
      },
    },
    { method: "GET", path: "/stats", access: "open", handle: (exchange) => reply(exchange, mock.stats.snapshot()) },
    { method: "GET", path: "/stats/calls", access: "open", handle: (exchange) => callsById(mock, exchange) },
    {
      method: "GET",
      path: "/stats/timeline",
      access: "open",
      handle: (exchange) => {
        reply(exchange, mock.stats.timeline.snapshot(exchange.query.get("model") ?? undefined));
      },
    },
    {
      method: "POST",
      path: "/stats/reset",
      access: "open",
      handle: (exchange) => {
        mock.stats.reset();
        reply(exchange, mock.stats.snapshot());
      },
    },
    { method: "GET", path: "/mock/faults", access: "open", handle: (exchange) => reply(exchange, behaviourOf(mock)) },
    { method: "POST", path: "/mock/faults", access: "open", handle: (exchange) => changeBehaviour(mock, exchange) },
  ];
}

/** A path segment as it was meant; one with a broken escape as it stands. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function reply(exchange: Exchange, value: unknown): void {
  sendJson(exchange, 200, JSON.stringify(value));
}

function modelObjects(mock: Mock): ReadonlyMap<string, unknown> {
  const created = Math.floor(Date.now() / 1_000);
  const names = mock.options.models ?? MODELS_DEFAULT;
  return new Map(names.map((id) => [id, { id, object: "model", created, owned_by: "mock-llm" }]));
}

function behaviourOf(mock: Mock): Record<string, unknown> {
  const { behaviour } = mock;
  const { batch_expire_after = null, latency_ms = null } = behaviour;
  return { ...behaviour, latency_ms, batch_expire_after };
}

async function changeBehaviour(mock: Mock, exchange: Exchange): Promise<void> {
  const json = await readJson(exchange);
  if (json === undefined) return;
  if (!json.ok) return sendError(exchange, json.error);
  const changed = patchBehaviour(mock.behaviour, json.body);
  if (typeof changed === "string") return sendError(exchange, badRequest(changed));
  mock.behaviour = changed;
  reply(exchange, behaviourOf(mock));
}

function callsById(mock: Mock, exchange: Exchange): void {
  const min = Number(exchange.query.get("min") ?? 1);
  const limit = Number(exchange.query.get("limit") ?? IDS_LISTED_DEFAULT);
  if (!(min >= 0) || !(limit >= 0 && limit <= IDS_LISTED_MAX)) {
    sendError(exchange, badRequest(`'min' must be 0 or more, 'limit' 0 to ${IDS_LISTED_MAX}.`));
    return;
  }
  reply(exchange, mock.stats.callsById(min, limit));
}
