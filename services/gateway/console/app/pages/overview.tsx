/** How the pipeline is doing: rates, spend, latency, hits and what groups are behind, live. */
import type { Overview } from "../../../admin/overview-shape.ts";
import { count, countShort, duration, percent, rate, usd, usdShort } from "../format.ts";
import type { Page } from "../page.ts";
import { usePoll } from "../poll.ts";
import { hrefOf } from "../router.ts";
import { Link } from "../ui/link.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { Plot, type PlotSeries } from "../ui/plot.tsx";
import { Stat, Stats } from "../ui/stat.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";

export const overviewPage: Page = { path: "", title: "Overview", letter: "o", for: "admin", View };

const REFRESH_MS = 2_000;
/** Older than that, somebody should look. */
const OLD_MS = 60_000;
const HITS = ["exact", "semantic", "coalesced"] as const;

const STATUSES: readonly (readonly [status: string, colour: string])[] = [
  ["succeeded", "--plot-1"],
  ["rejected", "--plot-3"],
  ["failed", "--bad"],
  ["cancelled", "--plot-2"],
  ["expired", "--plot-5"],
];

type Minute = Overview["minutes"][number];
type Group = NonNullable<Overview["groups"]>[number];

function View() {
  const overview = usePoll<Overview>("/admin/overview", REFRESH_MS);
  return (
    <>
      <PageHead
        title="Overview"
        side={
          overview.data === undefined ? null : (
            <>
              as of <Time at={overview.data.at_ms} />
            </>
          )
        }
      />
      <Loaded of={overview} lines={16}>
        {(data) => (
          <>
            <Now of={data} />
            {data.complete && data.minutes.every(({ by_status }) => sum(by_status) === 0) ? (
              <p class="notice">
                <span>
                  Nothing has ended in the last hour. <code>npx sluice send "Hello" --wait</code> asks something.
                </span>
              </p>
            ) : null}
            <History of={data} />
            <Groups of={data.groups} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Now({ of: { now, groups } }: { readonly of: Overview }) {
  const seconds = now.over_ms / 1_000;
  const results = sum(now.by_status);
  const failed = (now.by_status["failed"] ?? 0) + (now.by_status["expired"] ?? 0);
  const hits = HITS.reduce((all, kind) => all + (now.by_cache[kind] ?? 0), 0);
  const looked = hits + (now.by_cache["miss"] ?? 0);
  const lag = groups?.reduce((all, one) => all + one.lag, 0);
  const oldest_ms = groups === null ? null : Math.max(0, ...groups.map(({ oldest_age_ms }) => oldest_age_ms ?? 0));
  return (
    <Stats>
      <Stat
        name="Failed"
        value={percent(results === 0 ? 0 : failed / results)}
        note={
          failed === 0 ? (
            "nothing failed in the last minute"
          ) : (
            <Link href={hrefOf(["requests"], { status: "failed" })}>{count(failed)} failed or expired</Link>
          )
        }
        {...(failed > 0 ? { tone: failed / results > 0.05 ? ("bad" as const) : ("warn" as const) } : {})}
      />
      <Stat
        name="Behind"
        value={count(lag)}
        note={
          oldest_ms === null
            ? "Kafka cannot be asked"
            : oldest_ms === 0
              ? "nothing waits"
              : `oldest ${duration(oldest_ms)}`
        }
        {...((oldest_ms ?? 0) > OLD_MS ? { tone: "warn" as const } : {})}
      />
      <Stat
        name="Latency, p95"
        value={duration(now.latency_ms?.p95)}
        note={`p50 ${duration(now.latency_ms?.p50)}, p99 ${duration(now.latency_ms?.p99)}`}
      />
      <Stat name="Results out" value={rate(results / seconds)} note={`${count(results)} in the last minute`} />
      <Stat name="Requests in" value={rate(now.requests_per_s)} note="written to the topics" />
      <Stat
        name="From the cache"
        value={percent(looked === 0 ? 0 : hits / looked)}
        note={HITS.map((kind) => `${countShort(now.by_cache[kind] ?? 0)} ${kind}`).join(", ")}
      />
      <Stat
        name="Spend a minute"
        value={usd((now.cost_usd * 60) / seconds)}
        note={`${usd((now.cost_usd * 3_600) / seconds)} an hour`}
      />
      <Stat
        name="Tokens"
        value={rate((now.prompt_tokens + now.completion_tokens) / seconds)}
        note={`${countShort(now.prompt_tokens)} in, ${countShort(now.completion_tokens)} out`}
      />
    </Stats>
  );
}

function History({ of: { minutes, complete } }: { readonly of: Overview }) {
  const times = minutes.map(({ at_ms }) => at_ms / 1_000);
  const lines = (...of: readonly (readonly [string, string, (minute: Minute) => number | null])[]): PlotSeries[] =>
    of.map(([name, colour, pick]) => ({
      name,
      colour,
      values: minutes.map(pick),
      kind: of.length === 1 ? "area" : "line",
    }));
  const side = complete ? "last hour, by the minute" : "reading the last hour…";
  const seen = STATUSES.filter(
    ([status], at) => at === 0 || minutes.some(({ by_status }) => (by_status[status] ?? 0) > 0),
  );
  return (
    <div class="columns">
      <Panel title="Results a second" side={side}>
        <Plot
          label="Results a second by status"
          times={times}
          series={lines(
            ...seen.map(
              ([status, colour]) => [status, colour, (one: Minute) => (one.by_status[status] ?? 0) / 60] as const,
            ),
          )}
        />
      </Panel>
      <Panel title="Spend a minute" side={usd(minutes.reduce((all, { cost_usd }) => all + cost_usd, 0))}>
        <Plot
          label="Spend a minute"
          times={times}
          format={usdShort}
          series={lines(["spend", "--plot-1", ({ cost_usd }) => cost_usd])}
        />
      </Panel>
      <Panel title="Latency" side="from arrival to answer, of what succeeded">
        <Plot
          label="Latency"
          times={times}
          format={duration}
          series={lines(
            ["p50", "--plot-1", ({ latency_ms }) => latency_ms?.p50 ?? null],
            ["p95", "--plot-3", ({ latency_ms }) => latency_ms?.p95 ?? null],
            ["p99", "--plot-5", ({ latency_ms }) => latency_ms?.p99 ?? null],
          )}
        />
      </Panel>
      <Panel title="Cache hits a minute" side="answered without a call">
        <Plot
          label="Cache hits a minute by kind"
          times={times}
          series={lines(
            ["exact", "--plot-1", ({ by_cache }) => by_cache["exact"] ?? 0],
            ["semantic", "--plot-2", ({ by_cache }) => by_cache["semantic"] ?? 0],
            ["coalesced", "--plot-4", ({ by_cache }) => by_cache["coalesced"] ?? 0],
          )}
        />
      </Panel>
    </div>
  );
}

const COLUMNS: readonly Column<Group>[] = [
  { title: "Group", cell: ({ group }) => group },
  { title: "Topic", cell: ({ topic }) => topic },
  { title: "Behind", numeric: true, cell: ({ lag }) => count(lag) },
  {
    title: "Oldest",
    numeric: true,
    cell: ({ oldest_age_ms }) => (
      <span class={(oldest_age_ms ?? 0) > OLD_MS ? "warned" : undefined}>
        {oldest_age_ms === 0 ? "–" : duration(oldest_age_ms)}
      </span>
    ),
  },
];

function Groups({ of: groups }: { readonly of: Overview["groups"] }) {
  const sorted = (groups ?? []).toSorted((one, other) => other.lag - one.lag || one.group.localeCompare(other.group));
  const [behind, done] = [sorted.filter(({ lag }) => lag > 0), sorted.filter(({ lag }) => lag === 0)];
  const table = (label: string, rows: readonly Group[], empty?: string) => (
    <Table
      label={label}
      columns={COLUMNS}
      rows={rows}
      keyOf={({ group, topic }) => `${group} ${topic}`}
      empty={empty}
    />
  );
  const none = sorted.length === 0 ? "No group reads a topic yet." : "Every group has finished all that there is.";
  return (
    <Panel title="Consumer groups" side="what each has not finished, and how long the oldest has waited">
      {table("Groups that are behind", behind, groups === null ? "Kafka cannot be asked right now." : none)}
      {done.length === 0 ? null : (
        <details>
          <summary>{count(done.length)} with nothing to do</summary>
          {table("Groups with nothing to do", done)}
        </details>
      )}
    </Panel>
  );
}

function sum(of: Readonly<Record<string, number>>): number {
  return Object.values(of).reduce((all, one) => all + one, 0);
}
