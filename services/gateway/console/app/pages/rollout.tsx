/** One rollout: both sides beside each other, what the checks say, what comes next, and moving it. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { count, duration, percent, usd, usdShort } from "../format.ts";
import { usePoll } from "../poll.ts";
import { hrefOf } from "../router.ts";
import { Badge, Status, type Tone } from "../ui/badge.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Button, SelectField } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { Plot } from "../ui/plot.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { type Check, changeText, type Side, type Stage } from "./rollout-view.ts";

type Act = "move" | "pause" | "resume" | "rollback" | "finish";

export function RolloutPage({ name }: { readonly name: string }) {
  const path = `/admin/rollouts/${encodeURIComponent(name)}`;
  const found = usePoll<Stage>(path, 5_000);
  const [act, setAct] = useState<Act | undefined>(undefined);
  const rollout = found.data;
  const status = rollout?.status;
  const under_way = status === "running" || status === "paused";
  return (
    <>
      <PageHead
        title={name}
        side={
          <>
            <Link href={hrefOf(["routing"])}>Routing</Link>
            {under_way ? (
              <>
                <Button onClick={() => setAct("move")}>Move…</Button>
                <Button onClick={() => setAct(status === "paused" ? "resume" : "pause")}>
                  {status === "paused" ? "Resume…" : "Pause…"}
                </Button>
                <Button onClick={() => setAct("finish")}>Finish…</Button>
              </>
            ) : null}
            {rollout !== undefined && status !== "rolled_back" ? (
              <Button kind="danger" onClick={() => setAct("rollback")}>
                Roll back…
              </Button>
            ) : null}
          </>
        }
      />
      <Loaded of={found} lines={12}>
        {(stage) => <Detail stage={stage} />}
      </Loaded>
      {act === undefined || rollout === undefined ? null : (
        <ActConfirm act={act} stage={rollout} path={path} done={found.refresh} onClose={() => setAct(undefined)} />
      )}
    </>
  );
}

function Detail({ stage }: { readonly stage: Stage }) {
  const { change, status, percent: part, automatic, by, why, problem, stage_ms, started_ms, next } = stage;
  return (
    <>
      {problem === null ? null : <p class="stale">Routers do not follow it: {problem}</p>}
      <Panel title={changeText(change)} side={<Status of={status} />}>
        <Facts
          of={[
            ["New side", `${part}% of the requests`],
            [
              "Moves",
              automatic ? `by itself, through ${stage.stages.map((each) => `${each}%`).join(", ")}` : "by hand",
            ],
            ["Next", `${next.kind === "move" ? `on to ${next.percent}%` : next.kind.replace("_", " ")}: ${next.why}`],
            ["This stage since", <Time key="stage" at={stage_ms} />],
            ["Started", <Time key="started" at={started_ms} />],
            ["Last moved by", by],
            ["Why", why],
          ]}
        />
      </Panel>
      <Sides stage={stage} />
      <Checks checks={stage.checks} />
      <Over series={stage.series} />
    </>
  );
}

function Sides({ stage }: { readonly stage: Stage }) {
  type Row = readonly [name: string, Side];
  const columns: Column<Row>[] = [
    { title: "Side", cell: ([name]) => name },
    { title: "Results", cell: ([, side]) => count(side.results), numeric: true },
    { title: "Failed", cell: ([, side]) => count(side.failed), numeric: true },
    { title: "Latency, median", cell: ([, side]) => duration(side.latency_ms_p50), numeric: true },
    { title: "Latency, 95 %", cell: ([, side]) => duration(side.latency_ms_p95), numeric: true },
    { title: "Cost, mean", cell: ([, side]) => usd(side.cost_usd_mean), numeric: true },
  ];
  const rows: Row[] = [
    ["new", stage.sides.new],
    ["old", stage.sides.old],
  ];
  return (
    <Panel title="Both sides in this stage" side={`of the newest ${count(stage.results_of)} results`}>
      <Table label="Both sides" columns={columns} rows={rows} keyOf={([name]) => name} />
    </Panel>
  );
}

const TONES: Readonly<Record<Check["verdict"], Tone>> = { holds: "good", unclear: "warn", broken: "bad" };
const NAMES: Readonly<Record<Check["of"], string>> = {
  failed: "Failed",
  latency: "Latency, 95 %",
  cost: "Cost, mean",
};
const FIGURES: Readonly<Record<Check["of"], (value: number | undefined) => string>> = {
  failed: percent,
  latency: duration,
  cost: usd,
};

function Checks({ checks }: { readonly checks: readonly Check[] }) {
  const columns: Column<Check>[] = [
    { title: "Check", cell: ({ of }) => NAMES[of] },
    { title: "New", cell: (check) => FIGURES[check.of](check.new), numeric: true },
    { title: "Old", cell: (check) => FIGURES[check.of](check.old), numeric: true },
    { title: "At the most", cell: (check) => FIGURES[check.of](check.bound), numeric: true },
    { title: "Verdict", cell: ({ verdict }) => <Badge tone={TONES[verdict]}>{verdict}</Badge> },
  ];
  return (
    <Panel title="Checks">
      <Table
        label="Checks"
        columns={columns}
        rows={checks}
        keyOf={({ of }) => of}
        empty="Too few results of a side to compare."
      />
    </Panel>
  );
}

function Over({ series }: Pick<Stage, "series">) {
  // A line needs two points.
  if (series.length < 2) return null;
  const times = series.map(({ at_ms }) => at_ms / 1_000);
  const both = (of: (side: Side) => number | null) => [
    { name: "new", colour: "--plot-1", values: series.map((point) => of(point.new)) },
    { name: "old", colour: "--plot-3", values: series.map((point) => of(point.old)) },
  ];
  const failed = ({ failed: number, results }: Side): number | null => (results === 0 ? null : number / results);
  return (
    <div class="columns">
      <Panel title="Latency, 95 %">
        <Plot
          label="Latency of both sides"
          times={times}
          series={both((side) => side.latency_ms_p95)}
          format={duration}
        />
      </Panel>
      <Panel title="Failed">
        <Plot label="Failures of both sides" times={times} series={both(failed)} format={percent} />
      </Panel>
      <Panel title="Cost, mean">
        <Plot label="Cost of both sides" times={times} series={both((side) => side.cost_usd_mean)} format={usdShort} />
      </Panel>
    </div>
  );
}

const TITLES: Readonly<Record<Act, readonly [title: string, button: string, done: string]>> = {
  move: ["Move this rollout", "Move", "It is moved"],
  pause: ["Pause this rollout", "Pause", "It stays where it is"],
  resume: ["Go on with this rollout", "Resume", "It goes on"],
  rollback: ["Roll back", "Roll back", "Nobody has the new side any more"],
  finish: ["Finish this rollout", "Finish", "Everybody has the new side"],
};

type ActProps = {
  readonly act: Act;
  readonly stage: Stage;
  readonly path: string;
  readonly done: () => void;
  readonly onClose: () => void;
};

function ActConfirm({ act, stage, path, done, onClose }: ActProps) {
  const { percent: part, sides, stages } = stage;
  const others = stages.filter((each) => each !== part).map(String);
  const [to, setTo] = useState(String(stages.find((each) => each > part) ?? others[0] ?? "100"));
  const [title, button, told] = TITLES[act];
  return (
    <Confirm
      title={title}
      act={button}
      danger={act === "rollback" || act === "finish"}
      onConfirm={async () => {
        await api(`${path}/${act}`, { method: "POST", ...(act === "move" ? { body: { percent: Number(to) } } : {}) });
        toast(told);
        done();
      }}
      onClose={onClose}
    >
      <p>
        Now {part}% of the requests have the new side: {changeText(stage.change)}. In this stage it had{" "}
        {count(sides.new.results)} results, {count(sides.new.failed)} of them failed; the old side{" "}
        {count(sides.old.results)}, {count(sides.old.failed)} failed.
      </p>
      {act === "move" ? <SelectField label="New side, per cent" value={to} onChange={setTo} options={others} /> : null}
      <p>{WORDS[act]}</p>
    </Confirm>
  );
}

const WORDS: Readonly<Record<Act, string>> = {
  move: "A new stage begins; who was on the new side at a smaller part stays there.",
  pause: "It neither moves nor is rolled back by itself until it is resumed.",
  resume: "Its stage begins anew.",
  rollback: "From now on nobody has the new side; what was answered stays as it is.",
  finish: "From now on everybody has the new side. It can still be rolled back.",
};
