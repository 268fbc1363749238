/** Requests of every tenant, for an administrator: found, looked at, followed and cancelled. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import { cancelRequest } from "../cancelling.ts";
import {
  cursorOf,
  ENDED_STATUSES,
  type Listed,
  type ListingDeps,
  type ListStatus,
  listRequests,
  OPEN_STATUSES,
  readAfter,
} from "../listing.ts";
import { type RequestDeps, readView } from "../requests.ts";
import type { Routes } from "../route.ts";
import { itemOf, listedSchema, listQuery, text } from "../routes/list.ts";
import { sendUnknown, sendView, sendWrong } from "../sending.ts";
import type { SendEvents } from "../streams/contract.ts";
import { type AdminDeps, adminDoc, adminOf, askedOf, noteAct } from "./acting.ts";
import type { EndedPage, EndedRow, EndPlace } from "./request-rows.ts";

export type AdminRequestsDeps = AdminDeps &
  RequestDeps &
  ListingDeps & {
    readonly events: SendEvents;
    /** The names of all tenants. */
    readonly tenants: () => readonly string[];
    readonly ended: (page: EndedPage) => Promise<readonly EndedRow[]>;
    readonly ofId: (tenants: readonly string[], id: string) => Promise<readonly EndedRow[]>;
  };

const querySchema = listQuery.extend({
  tenant: text.optional().describe("Of this tenant alone, ordered by their arrival; of all, by their end"),
  id: text.optional().describe("This id alone, of any tenant"),
});
type Query = z.infer<typeof querySchema>;

const itemSchema = listedSchema.extend({ tenant: z.string() });
type Item = z.infer<typeof itemSchema>;

const replySchema = z.object({ object: z.literal("list"), data: z.array(itemSchema), next: z.string().nullable() });
type Page = z.infer<typeof replySchema>;

/** Tenants whose open requests are looked for, and how many of each: of all at once, only the latest are shown. */
const TENANTS_MAX = 100;

type One = { readonly Params: { readonly tenant: string; readonly id: string } };

export function adminRequestRoutes(deps: AdminRequestsDeps): Routes {
  const unknown = { 404: { what: "There is no such request" } };
  const list = adminDoc("Requests of all tenants, the latest first", {
    query: querySchema,
    replies: { 200: { what: "A page of them", json: replySchema }, 400: { what: "The query is wrong" } },
  });
  const look = adminDoc("What became of a request", { replies: { 200: { what: "Its state" }, ...unknown } });
  const follow = adminDoc("Follow a request", {
    replies: { 200: { what: "Its states and tokens as server-sent events", type: "text/event-stream" }, ...unknown },
  });
  const cancel = adminDoc("Cancel a request", { replies: { 202: { what: "All services are told" }, ...unknown } });
  return (app) => {
    app.get("/admin/requests", list, (http, reply) => listed(deps, http, reply));
    app.get<One>("/admin/requests/:tenant/:id", look, async (http, reply) => {
      if (adminOf(deps, http, reply) === undefined) return reply;
      const { tenant, id } = http.params;
      const view = await readView(deps, tenant, id);
      return view === undefined ? sendUnknown(reply) : sendView(reply, 200, id, view);
    });
    app.get<One>("/admin/requests/:tenant/:id/events", { ...follow, exposeHeadRoute: false }, (http, reply) => {
      if (adminOf(deps, http, reply) === undefined) return reply;
      return deps.events(http, reply, { ...http.params, kind: "request" });
    });
    app.post<One>("/admin/requests/:tenant/:id/cancel", cancel, (http, reply) => {
      const caller = adminOf(deps, http, reply);
      if (caller === undefined) return reply;
      noteAct(deps, caller, "request.cancel", { ...http.params });
      return cancelRequest(deps, { ...http.params, key_id: caller.key_id }, reply);
    });
  };
}

async function listed(deps: AdminRequestsDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const asked = askedOf(deps, querySchema, "query", http, reply)?.asked;
  if (asked === undefined) return reply;
  if (asked.id !== undefined) return reply.send(await pageOfId(deps, asked.id, asked.tenant));
  const page =
    asked.tenant === undefined ? await pageOfAll(deps, asked) : await pageOfTenant(deps, asked, asked.tenant);
  return page === undefined ? sendWrong(reply, "after", "names no request of a page before") : reply.send(page);
}

async function pageOfId(deps: AdminRequestsDeps, id: string, tenant: string | undefined): Promise<Page> {
  if (!ID_PATTERN.test(id)) return { object: "list", data: [], next: null };
  const tenants = tenant === undefined ? deps.tenants() : [tenant];
  const data = (await deps.ofId(tenants, id)).map((row) => itemIn(row.tenant, row));
  const ended = new Set(data.map((row) => row.tenant));
  for (const name of tenants.slice(0, TENANTS_MAX)) {
    const received_ms = ended.has(name) ? undefined : await deps.open.receivedAt(name, id);
    const view = received_ms === undefined ? undefined : await deps.views.read(name, id);
    if (received_ms === undefined || view === undefined || view.result !== undefined) continue;
    data.push(itemIn(name, { id, received_us: received_ms * 1_000, status: view.status }));
  }
  return { object: "list", data, next: null };
}

async function pageOfTenant(deps: AdminRequestsDeps, query: Query, tenant: string): Promise<Page | undefined> {
  const { after, ...rest } = query;
  const before = after === undefined ? undefined : await readAfter(deps, tenant, after);
  if (after !== undefined && before === undefined) return undefined;
  const { items, next } = await listRequests(deps, tenant, { ...filterOf(rest), limit: rest.limit, before });
  const data = items.map((item) => itemIn(tenant, item));
  return { object: "list", data, next: next === undefined ? null : cursorOf(next) };
}

/** On the first page the latest open ones, then what has ended. */
async function pageOfAll(deps: AdminRequestsDeps, { after, limit, ...rest }: Query): Promise<Page | undefined> {
  const filter = filterOf(rest);
  const before = after === undefined ? undefined : readEndCursor(after);
  if (after !== undefined && before === undefined) return undefined;
  const open = before === undefined ? await openOfAll(deps, filter, limit) : [];
  const statuses = filter.statuses?.filter((status) => (ENDED_STATUSES as readonly string[]).includes(status));
  const none_ended = statuses?.length === 0;
  const rows = none_ended ? [] : await deps.ended({ ...filter, statuses, before, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const ended = shown.map((row) => itemIn(row.tenant, row));
  const ids = new Set(ended.map(({ tenant, id }) => `${tenant} ${id}`));
  const data = [...open.filter(({ tenant, id }) => !ids.has(`${tenant} ${id}`)), ...ended];
  return { object: "list", data, next: last === undefined ? null : endCursor(last) };
}

async function openOfAll(
  deps: AdminRequestsDeps,
  filter: ReturnType<typeof filterOf>,
  limit: number,
): Promise<readonly Item[]> {
  const wanted: readonly ListStatus[] = filter.statuses ?? OPEN_STATUSES;
  const statuses = wanted.filter((status) => (OPEN_STATUSES as readonly string[]).includes(status));
  if (statuses.length === 0) return [];
  const found: Item[] = [];
  for (const tenant of deps.tenants().slice(0, TENANTS_MAX)) {
    const { items } = await listRequests(deps, tenant, { ...filter, statuses, limit });
    found.push(...items.map((item) => itemIn(tenant, item)));
  }
  return found.toSorted((one, other) => other.received_ms - one.received_ms).slice(0, limit);
}

function filterOf({ status, from, to, tier, model, cache, user, job, error_code }: Omit<Query, "after" | "limit">) {
  return { statuses: status, from_ms: from, to_ms: to, tier, model, cache, user, job, error_code };
}

function itemIn(tenant: string, row: Listed & { readonly completed_us?: number; readonly tenant?: string }): Item {
  const { completed_us: _, tenant: __, ...rest } = row;
  const item = itemOf(rest);
  return { ...item, tenant, url: `/admin/requests/${encodeURIComponent(tenant)}/${encodeURIComponent(item.id)}` };
}

/** No id and no tenant holds a space. */
function endCursor({ completed_us, tenant, id }: EndPlace): string {
  return `${completed_us} ${tenant} ${id}`;
}

function readEndCursor(after: string): EndPlace | undefined {
  const [, completed_us, tenant, id] = /^(\d{1,16}) (\S+) (\S+)$/.exec(after) ?? [];
  if (completed_us === undefined || tenant === undefined || id === undefined) return undefined;
  return { completed_us: Number(completed_us), tenant, id };
}
