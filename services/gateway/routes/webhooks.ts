/**
 * Webhooks: who is told of a tenant's events, their secrets, and whether they hear. A key that may submit may manage them, since each request may name a
 * callback of its own anyway; one that may read may look.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { WebhooksSettings } from "../../../libs/shared/config/gateway.ts";
import type { KeyScope } from "../../../libs/shared/events/tenants.ts";
import { firstProblem } from "../../../libs/shared/events/validation.ts";
import type { Endpoint, PostgresEndpoints } from "../../../libs/shared/webhooks/endpoints.ts";
import { eventBody, stableId, TEST_TYPE } from "../../../libs/shared/webhooks/event-body.ts";
import type { PostOnce } from "../../../libs/shared/webhooks/guarded-client.ts";
import { secretsOf, secretText, signedHeaders, webhookSecret } from "../../../libs/shared/webhooks/signing.ts";
import { checkUrl, urlRulesOf } from "../../../libs/shared/webhooks/url-rules.ts";
import type { Caller, KeyRing } from "../keys.ts";
import { listOf, listSchema } from "../lists.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type RouteDoc, type Routes } from "../route.ts";
import { failure, RETRY_AFTER, send, sendNone, sendProblem } from "../sending.ts";
import {
  callbacksObject,
  callbacksOf,
  deletedObject,
  newWebhook,
  pageQuery,
  testedObject,
  testedOf,
  webhookChange,
  webhookObject,
  webhookOf,
} from "../webhooks/shapes.ts";

export type WebhookRoutesDeps = {
  readonly keys: KeyRing;
  readonly endpoints: Pick<
    PostgresEndpoints,
    "create" | "find" | "list" | "change" | "remove" | "rotate" | "callbackSigner"
  >;
  /** SLUICE_SECRET_KEY; without it there are no webhooks. */
  readonly secret_key: string | undefined;
  /** Of a guarded client, for tests of endpoints. */
  readonly post: PostOnce;
  readonly settings: WebhooksSettings;
  readonly clock: Clock;
  /** A random word for new ids. */
  readonly random: () => string;
};

type One = { Params: { id: string } };
type Call = FastifyRequest<One>;
/** Whose call it is, and what signs. */
type Known = Caller & { readonly key: string };

const TAG = "Webhooks";
/** Tests of endpoints under way in one process: each may take the whole time-out. */
const TESTS_MAX = 16;
const HOUR_MS = 3_600_000;

export function webhookRoutes(deps: WebhookRoutesDeps): Routes {
  const doc = (scope: KeyScope, summary: string, status: number, what: string, more: Partial<RouteDoc> = {}) =>
    documented({ summary, tag: TAG, scope, ...more, replies: { [status]: { what }, ...more.replies } });
  const ok = (what: string, json: z.ZodType) => ({ replies: { 200: { what, json } } });
  const one = ok("The webhook", webhookObject);
  const callbacks = ok("How callbacks are signed", callbacksObject);
  const routes = new WebhookCalls(deps);
  return (app) => {
    app.post(
      "/v1/webhooks",
      doc("submit", "Be told of events", 201, "The webhook with its secret", { body: newWebhook }),
      (http, reply) => routes.create(http, reply),
    );
    app.get(
      "/v1/webhooks",
      doc("read", "List webhooks", 200, "", { query: pageQuery, ...ok("The newest first", listSchema(webhookObject)) }),
      (http, reply) => routes.list(http, reply),
    );
    app.get("/v1/webhooks/callbacks", doc("read", "What signs callbacks", 200, "", callbacks), (http, reply) =>
      routes.callbacks(http, reply, false),
    );
    app.post(
      "/v1/webhooks/callbacks/rotate",
      doc("submit", "A new secret for callbacks", 200, "", callbacks),
      (http, reply) => routes.callbacks(http, reply, true),
    );
    app.get<One>("/v1/webhooks/:id", doc("read", "A webhook", 200, "", one), (http, reply) => routes.look(http, reply));
    app.patch<One>(
      "/v1/webhooks/:id",
      doc("submit", "Change a webhook", 200, "", { body: webhookChange, ...one }),
      (http, reply) => routes.change(http, reply),
    );
    app.delete<One>(
      "/v1/webhooks/:id",
      doc("submit", "Remove a webhook", 200, "", ok("It is gone", deletedObject)),
      (http, reply) => routes.remove(http, reply),
    );
    app.post<One>("/v1/webhooks/:id/rotate", doc("submit", "A new secret", 200, "", one), (http, reply) =>
      routes.rotate(http, reply),
    );
    app.post<One>(
      "/v1/webhooks/:id/test",
      doc("submit", "Send a test event now", 200, "", ok("What came back", testedObject)),
      (http, reply) => routes.test(http, reply),
    );
  };
}

class WebhookCalls {
  readonly #deps: WebhookRoutesDeps;
  readonly #rules: ReturnType<typeof urlRulesOf>;
  #tests = 0;

  constructor(deps: WebhookRoutesDeps) {
    this.#deps = deps;
    this.#rules = urlRulesOf(deps.settings);
  }

  async create(http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "submit", reply);
    const body = caller && checked(newWebhook, http.body, reply);
    const url = body && this.#url(body.url, reply);
    if (caller === undefined || body === undefined || url === undefined) return reply;
    const { endpoints, settings, clock, random } = this.#deps;
    const { tenant, key } = caller;
    const created = await endpoints.create(
      {
        ...{ tenant, id: stableId("wh", tenant, random()), url, events: [...new Set(body.events)] },
        ...{ description: body.description ?? null, created_ms: clock.now_ms() },
      },
      settings.endpoints_max,
    );
    if (created === undefined) {
      const message = `a tenant has at most ${settings.endpoints_max} webhooks; remove one first`;
      return send(reply, errorReply(400, failure("too_many_webhooks", "invalid_request_error", message)));
    }
    return reply.code(201).send(webhookOf(created, newest(key, created)));
  }

  async list(http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "read", reply);
    const query = caller && checked(pageQuery, http.query, reply);
    if (caller === undefined || query === undefined) return reply;
    const found = await this.#deps.endpoints.list(caller.tenant, { ...query, limit: query.limit + 1 });
    return reply.send(
      listOf(
        found.map((endpoint) => webhookOf(endpoint)),
        query.limit,
      ),
    );
  }

  async look(http: Call, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "read", reply);
    if (caller === undefined) return reply;
    const found = await this.#find(caller, http);
    return found === undefined ? sendNoSuch(reply) : reply.send(webhookOf(found));
  }

  async change(http: Call, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "submit", reply);
    const change = caller && checked(webhookChange, http.body, reply);
    if (caller === undefined || change === undefined) return reply;
    const url = change.url === undefined ? undefined : this.#url(change.url, reply);
    if (change.url !== undefined && url === undefined) return reply;
    const { endpoints, clock } = this.#deps;
    const id = idOf(http);
    const changed = id && (await endpoints.change(caller.tenant, id, { ...change, url }, clock.now_ms()));
    return changed ? reply.send(webhookOf(changed)) : sendNoSuch(reply);
  }

  async remove(http: Call, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "submit", reply);
    if (caller === undefined) return reply;
    const id = idOf(http);
    const removed = id && (await this.#deps.endpoints.remove(caller.tenant, id, this.#deps.clock.now_ms()));
    return removed ? reply.send({ id, object: "webhook", deleted: true }) : sendNoSuch(reply);
  }

  async rotate(http: Call, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "submit", reply);
    if (caller === undefined) return reply;
    const found = await this.#find(caller, http);
    const rotated = found && (await this.#rotated(caller, found.id));
    return rotated === undefined ? sendNoSuch(reply) : reply.send(webhookOf(rotated, newest(caller.key, rotated)));
  }

  /** The secret is shown when it is made new, and at no other time: as that of an endpoint. */
  async callbacks(http: FastifyRequest, reply: FastifyReply, rotate: boolean): Promise<FastifyReply> {
    const caller = this.#caller(http, rotate ? "submit" : "read", reply);
    if (caller === undefined) return reply;
    const signer = await this.#deps.endpoints.callbackSigner(caller.tenant, this.#deps.clock.now_ms());
    const rotated = rotate ? await this.#rotated(caller, signer.id) : undefined;
    return reply.send(rotated ? callbacksOf(rotated, newest(caller.key, rotated)) : callbacksOf(signer));
  }

  /** One call, now, with the secrets of now; a disabled webhook can be tried too. Of what came back only the status is told. */
  async test(http: Call, reply: FastifyReply): Promise<FastifyReply> {
    const caller = this.#caller(http, "submit", reply);
    if (caller === undefined) return reply;
    const found = await this.#find(caller, http);
    if (found === undefined) return sendNoSuch(reply);
    if (this.#tests >= TESTS_MAX) {
      const busy = failure("overloaded", "api_error", "too many tests are under way; try again soon");
      return send(reply, errorReply(503, busy, RETRY_AFTER));
    }
    const { clock, random, post, settings } = this.#deps;
    const now_ms = clock.now_ms();
    const event_id = stableId("evt", caller.tenant, random());
    const body = eventBody(
      { event_id, type: TEST_TYPE, subject: found.id, at_ms: now_ms },
      undefined,
      settings.result_bytes_max,
    );
    this.#tests += 1;
    try {
      const headers = signedHeaders(event_id, now_ms, body, secretsOf(caller.key, found, now_ms));
      return reply.send(testedOf(await post(found.url ?? "", headers, body)));
    } finally {
      this.#tests -= 1;
    }
  }

  /** Undefined when a refusal was sent. */
  #caller(http: FastifyRequest, scope: KeyScope, reply: FastifyReply): Known | undefined {
    const { keys, secret_key } = this.#deps;
    const caller = callerOf(keys, http, scope, reply);
    if (caller === undefined) return undefined;
    if (secret_key !== undefined) return { ...caller, key: secret_key };
    const message = "webhooks are off: whoever runs Sluice sets SLUICE_SECRET_KEY to a long random text to have them";
    send(reply, errorReply(503, failure("webhooks_off", "api_error", message)));
    return undefined;
  }

  async #find({ tenant }: Caller, http: Call): Promise<Endpoint | undefined> {
    const id = idOf(http);
    return id === undefined ? undefined : this.#deps.endpoints.find(tenant, id);
  }

  #rotated({ tenant }: Caller, id: string): Promise<Endpoint | undefined> {
    const { endpoints, clock, settings } = this.#deps;
    const now_ms = clock.now_ms();
    return endpoints.rotate(tenant, id, now_ms, now_ms + settings.old_secret_hours * HOUR_MS);
  }

  /** As it is called; undefined when a refusal was sent. */
  #url(text: string, reply: FastifyReply): string | undefined {
    const outcome = checkUrl(text, this.#rules);
    if (outcome.ok) return outcome.url.href;
    const error = failure("webhook_url_refused", "invalid_request_error", `url ${outcome.why}`);
    send(reply, errorReply(400, { ...error, param: "url" }));
    return undefined;
  }
}

function newest(key: string, { tenant, id, secret_version }: Endpoint): string {
  return secretText(webhookSecret(key, tenant, id, secret_version));
}

/** What cannot be an id of ours is asked of nobody. */
export function idOf(http: Call): string | undefined {
  return /^[a-z]+_[0-9a-f]{32}$/.test(http.params.id) ? http.params.id : undefined;
}

/** Undefined when a refusal was sent. */
export function checked<T extends z.ZodType>(shape: T, given: unknown, reply: FastifyReply): z.infer<T> | undefined {
  const read = shape.safeParse(given ?? {});
  if (read.success) return read.data;
  sendProblem(reply, firstProblem(read.error));
  return undefined;
}

export function sendNoSuch(reply: FastifyReply, what = "webhook"): FastifyReply {
  return sendNone(reply, "id", `there is no such ${what}`);
}
