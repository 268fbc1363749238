/** What a tenant has used: by day, and by what else its requests are told apart by. */
import { useState } from "preact/hooks";
import { call } from "../api.ts";
import { count, countShort, percent, usd, usdShort } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { queryText, setQuery } from "../router.ts";
import { Button, SelectField } from "../ui/fields.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { Plot } from "../ui/plot.tsx";
import { Stat, Stats } from "../ui/stat.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { toast, toastFailure } from "../ui/toast.tsx";

export const usagePage: Page = { path: "usage", title: "Usage", letter: "u", for: "tenant", View };

type Sums = {
  readonly requests: number;
  readonly succeeded: number;
  readonly cache_hits: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
};
type Row = Sums & Readonly<Record<string, string | number | null>>;
type Usage = {
  readonly from: string;
  readonly to: string;
  readonly data: readonly Row[];
  readonly total: Sums;
  readonly has_more: boolean;
};

/** It sums up all rows of these days. */
const REFRESH_MS = 300_000;
const DAY_MS = 86_400_000;
const DAYS = ["7", "30", "90", "365"].map((value) => ({ value, text: `${value} days` }));
const GROUPS = [
  ...["model", "tier", "user", "status", "cache", "kind"].map((value) => ({ value, text: value })),
  { value: "error_code", text: "error code" },
  { value: "job", text: "batch or map-reduce" },
];

function View({ me, query }: PageProps) {
  const days = chosen(DAYS, query.get("days"), "30");
  const by = chosen(GROUPS, query.get("by"), "model");
  const span = { from: dayOf(Date.now() - (Number(days) - 1) * DAY_MS), to: dayOf(Date.now()) };
  const daily = usePoll<Usage>(`/v1/usage?${queryText(span)}`, REFRESH_MS, { keep: true });
  const parts = usePoll<Usage>(`/v1/usage?${queryText({ ...span, group_by: by, limit: 100 })}`, REFRESH_MS, {
    keep: true,
  });
  return (
    <>
      <PageHead title="Usage" side={`of ${me.tenant}; days are UTC's`} />
      <section class="panel" aria-label="What is shown">
        <div class="filters">
          <SelectField label="The last" value={days} onChange={(next) => setQuery({ days: next })} options={DAYS} />
          <SelectField label="Told apart by" value={by} onChange={(next) => setQuery({ by: next })} options={GROUPS} />
          <div class="filter-acts">
            <Csv path={`/v1/usage?${queryText({ ...span, group_by: `day,${by}`, limit: 10_000, format: "csv" })}`} />
          </div>
        </div>
      </section>
      <Loaded of={daily} lines={14}>
        {(usage) => <Daily of={usage} />}
      </Loaded>
      <Panel title={`By ${GROUPS.find(({ value }) => value === by)?.text}`} side="the costliest first">
        <Loaded of={parts} lines={4}>
          {({ data, has_more }) => (
            <>
              {has_more ? <p class="quiet">The first 100 are shown; the CSV has more.</p> : null}
              <Table
                label="Usage by part"
                columns={columnsOf(GROUPS.find(({ value }) => value === by)?.text ?? by, by)}
                rows={data}
                keyOf={(row) => String(row[by])}
                empty="Nothing was asked for in these days."
              />
            </>
          )}
        </Loaded>
      </Panel>
    </>
  );
}

function Daily({ of }: { readonly of: Usage }) {
  const { total, data } = of;
  const days = daysOf(of);
  const times = days.map(({ day }) => Date.parse(String(day)) / 1_000);
  return (
    <>
      <Stats>
        <Stat name="Spend" value={usd(total.cost_usd)} note={`${usd(total.cost_usd / days.length)} a day`} />
        <Stat
          name="Requests"
          value={count(total.requests)}
          note={`${count(total.requests - total.succeeded)} did not succeed`}
        />
        <Stat
          name="From the cache"
          value={percent(total.requests === 0 ? 0 : total.cache_hits / total.requests)}
          note={`${count(total.cache_hits)} answered without a model`}
        />
        <Stat
          name="Tokens"
          value={countShort(total.prompt_tokens + total.completion_tokens)}
          note={`${countShort(total.prompt_tokens)} in, ${countShort(total.completion_tokens)} out`}
        />
      </Stats>
      <div class="columns">
        <Panel title="Spend a day">
          <Plot
            label="Spend a day"
            times={times}
            step="day"
            format={usdShort}
            series={[{ name: "spend", colour: "--plot-1", kind: "bars", values: days.map((day) => day.cost_usd) }]}
          />
        </Panel>
        <Panel title="Requests a day">
          <Plot
            label="Requests a day"
            times={times}
            step="day"
            series={[{ name: "requests", colour: "--plot-4", kind: "bars", values: days.map((day) => day.requests) }]}
          />
        </Panel>
      </div>
      <Panel title="By day">
        <Table
          label="Usage by day"
          columns={columnsOf("Day", "day")}
          rows={data.toReversed()}
          keyOf={({ day }) => String(day)}
          empty={
            <>
              Nothing was asked for in these days. <code>npx sluice submit "Hello"</code> asks something.
            </>
          }
        />
      </Panel>
    </>
  );
}

function columnsOf(title: string, by: string): readonly Column<Row>[] {
  return [
    {
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      clip: by !== "day",
      cell: (row) => <span title={String(row[by] ?? "")}>{row[by] ?? "–"}</span>,
    },
    { title: "Requests", numeric: true, cell: ({ requests }) => count(requests) },
    { title: "Succeeded", numeric: true, cell: ({ requests, succeeded }) => percent(succeeded / requests) },
    { title: "From the cache", numeric: true, cell: ({ cache_hits }) => count(cache_hits) },
    { title: "Tokens in", numeric: true, wide: true, cell: ({ prompt_tokens }) => count(prompt_tokens) },
    { title: "Tokens out", numeric: true, wide: true, cell: ({ completion_tokens }) => count(completion_tokens) },
    { title: "Spend", numeric: true, cell: ({ cost_usd }) => usd(cost_usd) },
  ];
}

/** A link cannot carry the key: the text is fetched, then handed to the browser as a file. */
function Csv({ path }: { readonly path: string }) {
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      const url = URL.createObjectURL(await (await call(path)).blob());
      const link = document.createElement("a");
      link.href = url;
      link.download = "usage.csv";
      link.click();
      URL.revokeObjectURL(url);
      toast("usage.csv is saved");
    } catch (error) {
      toastFailure(error);
    }
    setBusy(false);
  };
  return (
    <Button disabled={busy} onClick={() => void save()}>
      Save as CSV
    </Button>
  );
}

const NOTHING = { requests: 0, succeeded: 0, cache_hits: 0, prompt_tokens: 0, completion_tokens: 0, cost_usd: 0 };

/** Every day of the span, also those without a request. */
function daysOf({ from, to, data }: Usage): readonly Row[] {
  const known = new Map(data.map((row) => [row["day"], row]));
  const [first_ms, last_ms] = [Date.parse(from), Date.parse(to)];
  return Array.from({ length: Math.round((last_ms - first_ms) / DAY_MS) + 1 }, (_, at) => {
    const day = dayOf(first_ms + at * DAY_MS);
    return known.get(day) ?? { ...NOTHING, day };
  });
}

function dayOf(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(0, 10);
}

function chosen(from: readonly { readonly value: string }[], wanted: string | null, usual: string): string {
  return from.some(({ value }) => value === wanted) ? (wanted ?? usual) : usual;
}
