/** A replay's Results beside the original ones: sums of both sides, how far the answers are apart, and the worst of them. */
import { useState } from "preact/hooks";
import { count, duration, percent, usd } from "../format.ts";
import { Badge, type Tone } from "../ui/badge.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Button } from "../ui/fields.tsx";
import { Panel } from "../ui/panel.tsx";
import { RequestLink } from "../ui/request-link.tsx";
import { Stat, Stats } from "../ui/stat.tsx";
import { type Column, Table } from "../ui/table.tsx";
import type { Comparison, Worst } from "./replay-view.ts";

const WORDS: Readonly<Record<string, readonly [string, Tone]>> = {
  same_text: ["the same", "good"],
  same_json: ["the same but for form", "good"],
  different: ["different", "warn"],
  gone: ["no answer any more", "bad"],
  new: ["an answer now", "busy"],
  none: ["no answer both times", "quiet"],
  no_original: ["nothing to compare with", "quiet"],
};

const NUSD = 1_000_000_000;
const usdOf = (nusd: number | undefined): string => (nusd === undefined ? "–" : usd(nusd / NUSD));

export function Compared({ comparison }: { readonly comparison: Comparison | null }) {
  const [shown, setShown] = useState<Worst | undefined>(undefined);
  // Until all of it is there: a replay that is still running may have a part of it.
  if (comparison?.summary === undefined) return null;
  const { summary, worst = [] } = comparison;
  const { original, replayed, distance } = summary;
  const sides: Column<readonly [string, string, string]>[] = [
    { title: "", cell: ([name]) => name },
    { title: "Then", cell: ([, then]) => then, numeric: true },
    { title: "Replayed", cell: ([, , now]) => now, numeric: true },
  ];
  const rows: (readonly [string, string, string])[] = [
    ["Cost", usdOf(original.cost_nusd), usdOf(replayed.cost_nusd)],
    ["Latency, median", duration(original.latency_ms.p50), duration(replayed.latency_ms.p50)],
    ["Latency, 95 %", duration(original.latency_ms.p95), duration(replayed.latency_ms.p95)],
    ["Prompt tokens", count(original.prompt_tokens), count(replayed.prompt_tokens)],
    ["Completion tokens", count(original.completion_tokens), count(replayed.completion_tokens)],
    ["By status", sums(original.by_status), sums(replayed.by_status)],
    ["By tier", sums(original.by_tier), sums(replayed.by_tier)],
  ];
  return (
    <>
      <Stats>
        <Stat
          name="Compared"
          value={count(summary.compared)}
          note={`${count(summary.without_original)} without an original`}
        />
        <Stat name="The same answer" value={percent(summary.same_ratio)} />
        <Stat
          name="Apart, on average"
          value={distance.known === 0 ? "–" : distance.mean.toFixed(3)}
          note={`of ${count(distance.known)} answers`}
        />
        <Stat name="Apart, 95 %" value={distance.known === 0 ? "–" : distance.p95.toFixed(3)} />
      </Stats>
      <div class="columns">
        <Panel title="Both sides">
          <Table label="Both sides" columns={sides} rows={rows} keyOf={([name]) => name} />
        </Panel>
        <Panel title="Answers">
          <Bars
            label="Answers by how they compare"
            of={Object.entries(summary.answers)
              .filter(([, number]) => number > 0)
              .map(([kind, number]) => ({ name: WORDS[kind]?.[0] ?? kind, value: number }))}
          />
        </Panel>
        {distance.known === 0 ? null : (
          <Panel title="How far answers are apart">
            <Bars label="Answers by distance" of={binsOf(summary.distance_histogram)} />
          </Panel>
        )}
      </div>
      <Panel title="The furthest apart">
        <Table
          label="The furthest apart"
          columns={worstColumns(setShown)}
          rows={worst}
          keyOf={({ tenant, id }) => `${tenant}/${id}`}
          empty="No answer differs."
        />
      </Panel>
      {shown === undefined ? null : (
        <Dialog title={`Both answers of ${shown.id}`} onClose={() => setShown(undefined)}>
          <div class="dialog-body">
            <h3>Then</h3>
            <pre class="answer">{shown.texts?.original ?? "–"}</pre>
            <h3>Replayed</h3>
            <pre class="answer">{shown.texts?.replayed ?? "–"}</pre>
          </div>
        </Dialog>
      )}
    </>
  );
}

function sums(by: Readonly<Record<string, number>>): string {
  const parts = Object.entries(by).map(([name, number]) => `${name} ${count(number)}`);
  return parts.length === 0 ? "–" : parts.join(", ");
}

/** Neighbours together, so that ten bars are left. */
function binsOf(histogram: readonly number[]): readonly Bar[] {
  const step = 1 / Math.max(1, histogram.length);
  return Array.from({ length: Math.ceil(histogram.length / 2) }, (_, at) => ({
    name: `${(2 * at * step).toFixed(1)} to ${Math.min(1, (2 * at + 2) * step).toFixed(1)}`,
    value: (histogram[2 * at] ?? 0) + (histogram[2 * at + 1] ?? 0),
  }));
}

type Bar = { readonly name: string; readonly value: number };

function Bars({ label, of }: { readonly label: string; readonly of: readonly Bar[] }) {
  const most = Math.max(1, ...of.map(({ value }) => value));
  return (
    <dl class="bars" aria-label={label}>
      {of.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <span class="bar-fill" style={{ width: `${(value / most) * 100}%` }} />
            <span>{count(value)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function worstColumns(show: (worst: Worst) => void): Column<Worst>[] {
  return [
    { title: "Request", cell: ({ tenant, id }) => <RequestLink tenant={tenant} id={id} />, clip: true },
    { title: "Tenant", cell: ({ tenant }) => tenant },
    {
      title: "Answer",
      cell: ({ answers }) => <Badge tone={WORDS[answers]?.[1] ?? "quiet"}>{WORDS[answers]?.[0] ?? answers}</Badge>,
    },
    { title: "Apart", cell: ({ distance }) => distance?.toFixed(3) ?? "–", numeric: true },
    { title: "Tier", cell: ({ original, replayed }) => change(original?.tier, replayed.tier) },
    {
      title: "Status",
      cell: ({ original, replayed }) => change(original?.status, replayed.error_code ?? replayed.status),
    },
    {
      title: "Cost",
      cell: ({ original, replayed }) => change(usdOf(original?.cost_nusd), usdOf(replayed.cost_nusd)),
      numeric: true,
    },
    {
      title: "Both texts",
      cell: (worst) => (worst.texts === undefined ? null : <Button onClick={() => show(worst)}>Read both</Button>),
    },
  ];
}

function change(then: string | undefined, now: string | undefined): string {
  return then === now ? (then ?? "–") : `${then ?? "–"} → ${now ?? "–"}`;
}
