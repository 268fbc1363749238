/**
 * One page of a tenant's requests, the latest first: those that have not ended out of Redis, the others out of Postgres, in one order by
 * arrival. What comes in while somebody pages is before the first page, and so changes no other.
 */
import { ID_PATTERN, statusField } from "../../libs/shared/events/fields.ts";
import type { OpenRequest, OpenRequests } from "../../libs/shared/redis/open-requests.ts";
import type { ListedRow, ListFilter, Place, RowPage } from "./result-rows.ts";

export const OPEN_STATUSES = ["queued", "running", "deferred"] as const;
export const ENDED_STATUSES = statusField.options;
export type ListStatus = (typeof OPEN_STATUSES)[number] | (typeof ENDED_STATUSES)[number];

export type ListAsk = ListFilter & {
  readonly statuses?: readonly ListStatus[] | undefined;
  readonly before?: Place | undefined;
  readonly limit: number;
};

export type Listed = Pick<ListedRow, "id" | "received_us"> &
  Partial<Omit<ListedRow, "id" | "received_us" | "status">> & { readonly status: string; readonly until_ms?: number };

export type ListPage = {
  readonly items: readonly Listed[];
  /** Where the next page begins; undefined where there is none. */
  readonly next: Place | undefined;
};

export type ListingDeps = {
  readonly open: Pick<OpenRequests, "page" | "forget" | "receivedAt">;
  readonly rows: (tenant: string, page: RowPage) => Promise<readonly ListedRow[]>;
  readonly place: (tenant: string, id: string) => Promise<Place | undefined>;
};

/** Open requests that are looked at for one page: a filter may let few of them through. */
const OPEN_LOOKED_MAX = 1_000;
const OPEN_CHUNK = 200;

/** @throws retryable while Redis or Postgres is away. */
export async function listRequests(deps: ListingDeps, tenant: string, ask: ListAsk): Promise<ListPage> {
  // First what is open: what ends meanwhile is then found among the rows.
  const open = await openPart(deps, tenant, ask);
  const rows = await endedPart(deps, tenant, ask);
  const ended = new Set(rows.map(({ id }) => id));
  const all: Listed[] = [...open.items.filter(({ id }) => !ended.has(id)), ...rows]
    // What comes after the open ones that were looked at is for the next page.
    .filter((item) => open.looked_until === undefined || !isBefore(item, open.looked_until))
    .toSorted((one, other) => (isBefore(one, other) ? 1 : -1));
  const items = all.slice(0, ask.limit);
  const next = all.length > ask.limit ? items.at(-1) : open.looked_until;
  return { items, next: next === undefined ? undefined : { received_us: next.received_us, id: next.id } };
}

/** A cursor (`<received_us>~<id>`), or the id that the page before ended with. @returns undefined for neither. */
export async function readAfter(deps: ListingDeps, tenant: string, after: string): Promise<Place | undefined> {
  const [, received_us, of] = /^(-?\d{1,16})~(.+)$/.exec(after) ?? [];
  if (received_us !== undefined && of !== undefined) {
    return ID_PATTERN.test(of) ? { received_us: Number(received_us), id: of } : undefined;
  }
  if (!ID_PATTERN.test(after)) return undefined;
  const open_ms = await deps.open.receivedAt(tenant, after);
  return open_ms === undefined ? deps.place(tenant, after) : { received_us: open_ms * 1_000, id: after };
}

export function cursorOf({ received_us, id }: Place): string {
  return `${received_us}~${id}`;
}

type OpenPart = {
  readonly items: readonly Listed[];
  /** Where looking ended before all were looked at. */
  readonly looked_until: Place | undefined;
};

async function openPart({ open }: ListingDeps, tenant: string, ask: ListAsk): Promise<OpenPart> {
  const { statuses, tier, model, cache, user, job, error_code, from_ms = -Infinity, to_ms = Infinity } = ask;
  const wanted: readonly string[] = statuses ?? OPEN_STATUSES;
  // Of what has not ended no more is known than when it came.
  const unknown = [tier, model, cache, user, job, error_code].some((given) => given !== undefined);
  if (unknown || !OPEN_STATUSES.some((status) => wanted.includes(status))) return NOTHING_OPEN;
  const items: Listed[] = [];
  const ended: string[] = [];
  let before = startOf(ask);
  for (let looked = 0; looked < OPEN_LOOKED_MAX && items.length <= ask.limit; looked += OPEN_CHUNK) {
    const chunk = await open.page(tenant, { ...(before === undefined ? {} : { before }), limit: OPEN_CHUNK });
    for (const one of chunk) {
      if (one.view === undefined || one.view.result !== undefined) ended.push(one.id);
      else if (wanted.includes(one.view.status) && one.received_ms >= from_ms && one.received_ms < to_ms) {
        items.push(listedOpen(one));
      }
    }
    before = chunk.at(-1) ?? before;
    if (chunk.length < OPEN_CHUNK || (before !== undefined && before.received_ms < from_ms)) {
      before = undefined;
      break;
    }
  }
  // They would be looked at again and again. Should it fail, somebody else will do so.
  await open.forget(tenant, ended).catch(() => undefined);
  return { items, looked_until: before === undefined ? undefined : asPlace(before) };
}

const NOTHING_OPEN: OpenPart = { items: [], looked_until: undefined };

type OpenPlace = { readonly received_ms: number; readonly id: string };

function startOf({ before, to_ms }: ListAsk): OpenPlace | undefined {
  // No id is lower than the empty one: what came at that very time is not before it.
  const end = to_ms === undefined ? undefined : { received_ms: to_ms, id: "" };
  if (before === undefined) return end;
  const from = { received_ms: before.received_us / 1_000, id: before.id };
  return end !== undefined && end.received_ms < from.received_ms ? end : from;
}

function asPlace({ received_ms, id }: OpenPlace): Place {
  return { received_us: received_ms * 1_000, id };
}

function listedOpen({ id, received_ms, view }: OpenRequest): Listed {
  const until = view?.until_ms === undefined ? {} : { until_ms: view.until_ms };
  return { id, received_us: received_ms * 1_000, status: view?.status ?? "queued", ...until };
}

async function endedPart({ rows }: ListingDeps, tenant: string, ask: ListAsk): Promise<readonly ListedRow[]> {
  const { statuses, limit, ...rest } = ask;
  const ended = statuses?.filter((status) => (ENDED_STATUSES as readonly string[]).includes(status));
  return ended?.length === 0 ? [] : rows(tenant, { ...rest, statuses: ended, limit: limit + 1 });
}

function isBefore(one: Place, other: Place): boolean {
  return one.received_us === other.received_us ? one.id < other.id : one.received_us < other.received_us;
}
