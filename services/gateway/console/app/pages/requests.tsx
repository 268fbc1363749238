/** Requests: found by what is known of them. */
import { useEffect, useState } from "preact/hooks";
import { count, duration, usd } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { hrefOf, queryText, setQuery } from "../router.ts";
import { isAdmin } from "../session.ts";
import { Status } from "../ui/badge.tsx";
import { Button, SelectField, TextField } from "../ui/fields.tsx";
import { Pager, usePaging } from "../ui/pager.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { RequestDetail } from "./request.tsx";

export const requestsPage: Page = { path: "requests", title: "Requests", letter: "r", for: "all", View };

const REFRESH_MS = 5_000;
const TYPING_MS = 300;
const PAGE_SIZE = 50;

const STATUSES = ["queued", "running", "deferred", "succeeded", "rejected", "failed", "cancelled", "expired"];
const CACHES = ["exact", "semantic", "coalesced", "miss", "bypass"];
/** Those of an administrator alone. */
const OF_ALL = ["id", "tenant"] as const;
const FILTERS = [...OF_ALL, "status", "tier", "model", "cache", "user", "job", "error_code", "from", "to"] as const;
type Filters = Readonly<Partial<Record<(typeof FILTERS)[number], string>>>;

type Item = {
  readonly id: string;
  readonly tenant?: string;
  readonly status: string;
  readonly received_ms: number;
  readonly completed_ms?: number;
  readonly tier?: string | null;
  readonly model?: string | null;
  readonly cache?: string | null;
  readonly error_code?: string | null;
  readonly completion_tokens?: number | null;
  readonly cost_usd?: number | null;
};
type List = { readonly data: readonly Item[]; readonly next: string | null };

function View(props: PageProps) {
  const [first, second] = props.rest;
  if (first === undefined) return <Search {...props} />;
  const [tenant, id] = second === undefined ? [props.me.tenant, first] : [first, second];
  return <RequestDetail key={`${tenant} ${id}`} me={props.me} tenant={tenant} id={id} />;
}

function Search({ me, query }: PageProps) {
  const admin = isAdmin(me);
  const filters: Filters = Object.fromEntries(
    FILTERS.flatMap((name) => (query.has(name) && (admin || !isOfAll(name)) ? [[name, query.get(name)]] : [])),
  );
  const asked = queryText({ ...filters, from: asTime(filters.from), to: asTime(filters.to), limit: PAGE_SIZE });
  const paging = usePaging(asked);
  const after = paging.after === undefined ? "" : `&${queryText({ after: paging.after })}`;
  const path = `${admin ? "/admin" : "/v1"}/requests?${asked}${after}`;
  // A page further back stays as it is.
  const list = usePoll<List>(path, paging.page === 1 ? REFRESH_MS : 0, { keep: true });
  return (
    <>
      <PageHead title="Requests" side={admin ? "of all tenants" : `of ${me.tenant}`} />
      <FilterForm filters={filters} admin={admin} />
      <Panel
        title="The latest first"
        side={list.data === undefined ? null : <span role="status">{count(list.data.data.length)} on this page</span>}
      >
        <Loaded of={list} lines={12}>
          {({ data }) => (
            <Table
              label="Requests"
              columns={columnsOf(admin)}
              rows={data}
              keyOf={({ tenant, id }) => `${tenant} ${id}`}
              hrefOf={({ tenant, id }) => hrefOf(["requests", ...(tenant === undefined ? [] : [tenant]), id])}
              empty={
                Object.keys(filters).length > 0 ? (
                  "No request is like that."
                ) : (
                  <>
                    No request has come yet. <code>npx sluice send "Hello" --wait</code> asks something.
                  </>
                )
              }
            />
          )}
        </Loaded>
      </Panel>
      <Pager paging={paging} next={list.data?.next} />
    </>
  );
}

function columnsOf(admin: boolean): readonly Column<Item>[] {
  const tenant: Column<Item> = { title: "Tenant", cell: (item) => item.tenant };
  return [
    { title: "Id", clip: true, cell: ({ id }) => <span title={id}>{id}</span> },
    ...(admin ? [tenant] : []),
    {
      title: "Status",
      cell: ({ status, error_code }) => (
        <>
          <Status of={status} />{" "}
          {error_code == null || error_code === status ? null : <span class="quiet">{error_code}</span>}
        </>
      ),
    },
    { title: "Came", cell: ({ received_ms }) => <Time at={received_ms} /> },
    {
      title: "Took",
      numeric: true,
      cell: ({ received_ms, completed_ms }) =>
        duration(completed_ms === undefined ? undefined : Math.max(0, completed_ms - received_ms)),
    },
    { title: "Tier", cell: ({ tier }) => tier ?? "–" },
    { title: "Model", clip: true, wide: true, cell: ({ model }) => model ?? "–" },
    { title: "Cache", cell: ({ cache }) => cache ?? "–" },
    { title: "Tokens out", numeric: true, wide: true, cell: ({ completion_tokens }) => count(completion_tokens) },
    { title: "Cost", numeric: true, cell: ({ cost_usd }) => usd(cost_usd) },
  ];
}

function FilterForm({ filters, admin }: { readonly filters: Filters; readonly admin: boolean }) {
  const [typed, setTyped] = useState(filters);
  const [more, setMore] = useState(["job", "user", "model", "from", "to"].some((name) => name in filters));
  const text = JSON.stringify(filters);
  // The address may change by itself: back, or another link.
  useEffect(() => setTyped(JSON.parse(text) as Filters), [text]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (JSON.stringify(typed) !== text)
        setQuery(Object.fromEntries(FILTERS.map((name) => [name, typed[name]?.trim()])));
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const field = (name: keyof Filters, label: string) => ({
    label,
    value: typed[name] ?? "",
    onChange: (value: string) => setTyped((last) => without({ ...last, [name]: value })),
  });
  const any = (names: readonly string[]) => [{ value: "", text: "any" }, ...names];
  return (
    <section class="panel" aria-label="Search">
      <div class="filters">
        {admin ? (
          <>
            <div class="broad">
              <TextField {...field("id", "Id")} type="search" search mono placeholder="a whole id" />
            </div>
            <TextField {...field("tenant", "Tenant")} />
          </>
        ) : null}
        <SelectField {...field("status", "Status")} options={any(STATUSES)} />
        <SelectField {...field("cache", "Cache")} options={any(CACHES)} />
        <TextField {...field("tier", "Tier")} search={!admin} />
        <TextField {...field("error_code", "Error code")} />
        {more ? (
          <>
            <TextField {...field("model", "Model")} />
            <TextField {...field("user", "User")} />
            <TextField {...field("job", "Batch or map-reduce")} />
            <TextField {...field("from", "From")} type="datetime-local" />
            <TextField {...field("to", "Before")} type="datetime-local" />
          </>
        ) : null}
        <div class="filter-acts">
          {more ? null : <Button onClick={() => setMore(true)}>More…</Button>}
          {Object.keys(typed).length === 0 ? null : <Button onClick={() => setTyped({})}>Clear</Button>}
        </div>
      </div>
    </section>
  );
}

function without(filters: Filters): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== ""));
}

/** The field has local time without a zone; the API takes UTC. */
function asTime(local: string | undefined): string | undefined {
  const at_ms = local === undefined ? Number.NaN : new Date(local).getTime();
  return Number.isNaN(at_ms) ? undefined : new Date(at_ms).toISOString();
}

function isOfAll(name: string): boolean {
  return (OF_ALL as readonly string[]).includes(name);
}
