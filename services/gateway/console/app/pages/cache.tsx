/** The cache: hits over time and by tenant, why it answered by meaning, what is in it, and taking entries away. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { bytes, count, percent, usd } from "../format.ts";
import type { Page } from "../page.ts";
import { usePoll } from "../poll.ts";
import { Button } from "../ui/fields.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { Plot } from "../ui/plot.tsx";
import { RequestLink } from "../ui/request-link.tsx";
import { Stat, Stats } from "../ui/stat.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toastFailure } from "../ui/toast.tsx";
import { CacheHits, shortId } from "./cache-hits.tsx";
import { PurgeDialog, PurgePanel, type Selector } from "./cache-purge.tsx";

export const cachePage: Page = { path: "cache", title: "Cache", letter: "c", for: "admin", View };

type Counts = {
  readonly exact: number;
  readonly semantic: number;
  readonly coalesced: number;
  readonly misses: number;
  readonly bypassed: number;
  readonly saved_usd: number;
};
type Checks = {
  readonly checked: number;
  readonly wrong: number;
  readonly false_hit_rate: number | null;
  readonly reported: number;
} | null;
type Both = { readonly hour: Counts; readonly day: Counts | null; readonly checks: Checks };
type Figures = Both & {
  readonly tenants: readonly (Both & { readonly tenant: string })[];
  readonly series: readonly {
    readonly hour_ms: number;
    readonly exact: number;
    readonly semantic: number;
    readonly coalesced: number;
    readonly misses: number;
  }[];
  readonly wrong: readonly {
    readonly tenant: string;
    readonly id: string;
    readonly entry_id: string | null;
    readonly probability: number | null;
    readonly at_ms: number;
    readonly differs_by: string | null;
  }[];
};
function View() {
  const figures = usePoll<Figures>("/admin/cache", 15_000);
  const [purging, setPurging] = useState<Selector | undefined>(undefined);
  return (
    <>
      <PageHead title="Cache" side="of the last 24 hours" />
      <Loaded of={figures} lines={12}>
        {(data) => (
          <>
            <Summary of={data} />
            <Over series={data.series} />
            <Panel title="Tenants">
              <Table
                label="Hits by tenant"
                columns={TENANT_COLUMNS}
                rows={data.tenants}
                keyOf={({ tenant }) => tenant}
                empty={
                  <>
                    No request has ended within the last day. <code>npx sluice send "Hello"</code> asks something.
                  </>
                }
              />
            </Panel>
            <Wrong of={data.wrong} />
          </>
        )}
      </Loaded>
      <CacheHits purge={setPurging} />
      <Entries />
      <PurgePanel ask={setPurging} />
      {purging === undefined ? null : <PurgeDialog selector={purging} onClose={() => setPurging(undefined)} />}
    </>
  );
}

function hitsOf({ exact, semantic, coalesced }: Counts): number {
  return exact + semantic + coalesced;
}

function ratio(counts: Counts): number {
  const asked = hitsOf(counts) + counts.misses;
  return asked === 0 ? 0 : hitsOf(counts) / asked;
}

function Summary({ of }: { readonly of: Figures }) {
  const now = of.day ?? of.hour;
  const { checks } = of;
  const rate = checks?.false_hit_rate ?? null;
  return (
    <Stats>
      <Stat name="Answered from the cache" value={percent(ratio(now))} note={`${percent(ratio(of.hour))} this hour`} />
      <Stat name="Equal requests" value={count(now.exact)} note={`${count(of.hour.exact)} this hour`} />
      <Stat name="Same meaning" value={count(now.semantic)} note={`${count(of.hour.semantic)} this hour`} />
      <Stat name="Asked at the same time" value={count(now.coalesced)} note={`${count(of.hour.coalesced)} this hour`} />
      <Stat name="Saved, about" value={usd(now.saved_usd)} note={`${usd(of.hour.saved_usd)} this hour`} />
      <Stat
        name="Wrong by checks"
        value={percent(rate)}
        note={
          checks === null ? "cannot be read now" : `${checks.wrong} of ${checks.checked}; ${checks.reported} reported`
        }
        {...(rate !== null && rate > 0.05 ? { tone: "bad" as const } : {})}
      />
    </Stats>
  );
}

const HOUR_MS = 3_600_000;
const HOURS = 24;

/** Every hour of the day up to now, also those without a request. */
function filled(series: Figures["series"]): Figures["series"] {
  const last_ms = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const known = new Map(series.map((point) => [point.hour_ms, point]));
  return Array.from({ length: HOURS }, (_, at) => {
    const hour_ms = last_ms - (HOURS - 1 - at) * HOUR_MS;
    return known.get(hour_ms) ?? { hour_ms, exact: 0, semantic: 0, coalesced: 0, misses: 0 };
  });
}

function Over({ series: known }: Pick<Figures, "series">) {
  const series = filled(known);
  const values = (of: "exact" | "semantic" | "coalesced" | "misses") => series.map((point) => point[of]);
  return (
    <Panel title="Requests by the hour">
      <Plot
        label="Requests by the hour, by how they were answered"
        times={series.map(({ hour_ms }) => hour_ms / 1_000)}
        series={[
          { name: "equal", colour: "--plot-1", values: values("exact"), kind: "area" },
          { name: "same meaning", colour: "--plot-2", values: values("semantic"), kind: "area" },
          { name: "at the same time", colour: "--plot-4", values: values("coalesced") },
          { name: "asked of a model", colour: "--plot-3", values: values("misses") },
        ]}
      />
    </Panel>
  );
}

type TenantRow = Figures["tenants"][number];
const of_day = ({ day, hour }: TenantRow): Counts => day ?? hour;
const TENANT_COLUMNS: readonly Column<TenantRow>[] = [
  { title: "Tenant", cell: ({ tenant }) => tenant, clip: true },
  { title: "Answered", cell: (row) => percent(ratio(of_day(row))), numeric: true },
  { title: "Equal", cell: (row) => count(of_day(row).exact), numeric: true },
  { title: "Same meaning", cell: (row) => count(of_day(row).semantic), numeric: true },
  { title: "At the same time", cell: (row) => count(of_day(row).coalesced), numeric: true },
  { title: "Asked of a model", cell: (row) => count(of_day(row).misses), numeric: true },
  { title: "Saved, about", cell: (row) => usd(of_day(row).saved_usd), numeric: true },
  {
    title: "Wrong by checks",
    cell: ({ checks }) => (checks === null || checks.checked === 0 ? "–" : `${checks.wrong} of ${checks.checked}`),
    numeric: true,
  },
];

function Wrong({ of }: { readonly of: Figures["wrong"] }) {
  if (of.length === 0) return null;
  const columns: Column<Figures["wrong"][number]>[] = [
    { title: "Request", cell: ({ tenant, id }) => <RequestLink tenant={tenant} id={id} />, clip: true },
    { title: "Tenant", cell: ({ tenant }) => tenant },
    { title: "When", cell: ({ at_ms }) => <Time at={at_ms} /> },
    { title: "Entry", cell: ({ entry_id }) => <code>{shortId(entry_id)}</code> },
    { title: "Thought right with", cell: ({ probability }) => percent(probability), numeric: true },
    {
      title: "Found by",
      cell: ({ differs_by }) => (differs_by === "reported" ? "a person" : (differs_by ?? "a check")),
    },
  ];
  return (
    <Panel title="Answers that were wrong">
      <Table
        label="Wrong answers from the cache"
        columns={columns}
        rows={of}
        keyOf={({ tenant, id, at_ms }) => `${tenant}/${id}/${at_ms}`}
      />
    </Panel>
  );
}

type Sums = {
  readonly entries: number;
  readonly semantic: number;
  readonly exact: number;
  readonly warmed: number;
  readonly expired: number;
  readonly bytes: number;
  readonly oldest_ms: number | null;
};
type Counted = {
  readonly partial: boolean;
  readonly total: Sums;
  readonly tenants: readonly (Sums & { readonly tenant: string })[];
};

/** Counting reads all of the topic: it is done when somebody wants it. */
function Entries() {
  const [counted, setCounted] = useState<Counted | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const read = async (): Promise<void> => {
    setBusy(true);
    await api<Counted>("/admin/cache/entries").then(setCounted, toastFailure);
    setBusy(false);
  };
  const columns: Column<Sums & { readonly tenant: string }>[] = [
    { title: "Tenant", cell: ({ tenant }) => tenant },
    { title: "Entries", cell: ({ entries }) => count(entries), numeric: true },
    { title: "By meaning too", cell: ({ semantic }) => count(semantic), numeric: true },
    { title: "Warmed", cell: ({ warmed }) => count(warmed), numeric: true },
    { title: "Expired", cell: ({ expired }) => count(expired), numeric: true },
    { title: "Size", cell: (sums) => bytes(sums.bytes), numeric: true },
    { title: "Oldest", cell: ({ oldest_ms }) => <Time at={oldest_ms} /> },
  ];
  const button = (
    <Button disabled={busy} onClick={() => void read()}>
      {busy ? "Counting…" : counted === undefined ? "Count" : "Count again"}
    </Button>
  );
  return (
    <Panel title="Entries" side={button}>
      {counted === undefined ? (
        <p class="quiet">Counting reads the cache's topic from its beginning.</p>
      ) : (
        <>
          {counted.partial ? <p class="stale">There are more than were counted.</p> : null}
          <Table
            label="Entries by tenant"
            columns={columns}
            rows={[...counted.tenants, { ...counted.total, tenant: "All" }]}
            keyOf={({ tenant }) => tenant}
          />
        </>
      )}
    </Panel>
  );
}
