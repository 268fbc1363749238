/** Replays: those there are, a new one, and one with its preview, its progress and its comparison. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { count, percent, usd } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { go, hrefOf, queryText } from "../router.ts";
import { Status } from "../ui/badge.tsx";
import { Copyable } from "../ui/code.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Button, TextField } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { Pager, usePaging } from "../ui/pager.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { Stat, Stats } from "../ui/stat.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toast, toastFailure } from "../ui/toast.tsx";
import { Compared } from "./replay-comparison.tsx";
import { NewReplay } from "./replay-new.tsx";
import type { Comparison, Preview, Replay } from "./replay-view.ts";

export const replaysPage: Page = { path: "replays", title: "Replays", letter: "p", for: "admin", View };

type List = { readonly data: readonly Replay[]; readonly last_id: string | null; readonly has_more: boolean };

const MOVING = ["previewing", "asked", "running"];
const STARTS = ["previewed", "paused", "failed"];
const ENDED = ["completed", "cancelled"];

function View({ rest }: PageProps) {
  const [id] = rest;
  if (id === undefined) return <Replays />;
  return id === "new" ? <NewReplay /> : <One id={id} />;
}

function Replays() {
  const paging = usePaging("");
  const list = usePoll<List>(`/admin/replays?${queryText({ limit: 25, after: paging.after })}`, 4_000, { keep: true });
  return (
    <>
      <PageHead
        title="Replays"
        side={
          <Button kind="main" onClick={() => go(hrefOf(["replays", "new"]))}>
            New replay
          </Button>
        }
      />
      <Panel title="Recorded requests, run again">
        <Loaded of={list}>
          {({ data }) => (
            <Table
              label="Replays"
              columns={COLUMNS}
              rows={data}
              keyOf={({ id }) => id}
              hrefOf={({ id }) => hrefOf(["replays", id])}
              empty={
                <>
                  There are none yet. <code>npx sluice replay --help</code> does the same from a terminal.
                </>
              }
            />
          )}
        </Loaded>
        <Pager paging={paging} next={list.data?.has_more ? list.data.last_id : null} />
      </Panel>
    </>
  );
}

const COLUMNS: readonly Column<Replay>[] = [
  { title: "Replay", cell: ({ id }) => <span class="mono">{id}</span>, clip: true },
  { title: "Mode", cell: ({ mode }) => mode },
  { title: "Status", cell: ({ status }) => <Status of={status} /> },
  { title: "Selected", cell: ({ preview, totals }) => count(preview?.selected ?? totals.selected), numeric: true },
  { title: "Done", cell: ({ totals }) => percent(totals.of === 0 ? 0 : totals.passed / totals.of), numeric: true },
  { title: "Cost", cell: ({ totals }) => usd(totals.cost_usd), numeric: true },
  {
    title: "By",
    cell: ({ by, runner }) => `${by}${runner === "cli" ? " (command line)" : ""}`,
    clip: true,
    wide: true,
  },
  { title: "Made", cell: ({ created_ms }) => <Time at={created_ms} /> },
];

function One({ id }: { readonly id: string }) {
  const path = `/admin/replays/${encodeURIComponent(id)}`;
  const found = usePoll<Replay & { readonly comparison: Comparison | null }>(path, 2_000);
  const [asking, setAsking] = useState(false);
  const replay = found.data;
  const tell = async (what: "pause" | "cancel"): Promise<void> => {
    await api(`${path}/${what}`, { method: "POST" }).then(
      () => toast(what === "pause" ? "It is being paused" : "It is being cancelled"),
      toastFailure,
    );
    found.refresh();
  };
  const status = replay?.status ?? "";
  return (
    <>
      <PageHead
        title={<span class="mono">{id}</span>}
        side={
          <>
            <Link href={hrefOf(["replays"])}>All replays</Link>
            {STARTS.includes(status) ? (
              <Button kind="main" onClick={() => setAsking(true)}>
                {status === "previewed" ? "Start…" : "Go on…"}
              </Button>
            ) : null}
            {status === "running" || status === "asked" ? (
              <Button onClick={() => void tell("pause")}>Pause</Button>
            ) : null}
            {replay !== undefined && !ENDED.includes(status) ? (
              <Button kind="danger" onClick={() => void tell("cancel")}>
                Cancel
              </Button>
            ) : null}
          </>
        }
      />
      <Loaded of={found}>
        {(data) => (
          <>
            <Progress replay={data} />
            {data.preview === null ? null : <Previewed preview={data.preview} />}
            <Compared comparison={data.comparison} />
            <Spec replay={data} />
          </>
        )}
      </Loaded>
      {asking && replay !== undefined ? (
        <StartDialog replay={replay} path={path} done={found.refresh} onClose={() => setAsking(false)} />
      ) : null}
    </>
  );
}

function Progress({ replay }: { readonly replay: Replay }) {
  const { status, totals, budget_usd, error, wanted } = replay;
  const part = totals.of === 0 ? 0 : totals.passed / totals.of;
  return (
    <>
      <Stats>
        <Stat
          name="Status"
          value={status}
          note={wanted === null ? replay.mode : `to be ${wanted === "pause" ? "paused" : "cancelled"}`}
          {...(status === "failed" ? { tone: "bad" as const } : {})}
        />
        <Stat
          name="Passed"
          value={percent(status === "completed" ? 1 : part)}
          note={`${count(totals.passed)} of ${count(totals.of)}`}
        />
        <Stat name="Selected" value={count(totals.selected)} note={fates(totals.by_fate)} />
        <Stat name="Calls" value={count(totals.calls)} />
        <Stat
          name="Cost"
          value={usd(totals.cost_usd)}
          note={budget_usd === null ? "no budget" : `of ${usd(budget_usd)}`}
        />
      </Stats>
      {MOVING.includes(status) ? (
        <progress max={1} value={status === "running" ? part : undefined} aria-label={`${status}: ${percent(part)}`} />
      ) : null}
      {error === null ? null : (
        <p class="stale" role="status">
          {error.message} <code>{error.code}</code>
        </p>
      )}
    </>
  );
}

function fates(by_fate: Readonly<Record<string, number>>): string {
  return Object.entries(by_fate)
    .map(([fate, number]) => `${count(number)} ${fate.replaceAll("_", " ")}`)
    .join(", ");
}

function Previewed({ preview }: { readonly preview: Preview }) {
  const { selected, read, unreadable, without_record, calls, expected_usd, most_usd, recorded_usd } = preview;
  return (
    <Panel title="What it would do">
      <div class="columns">
        <Facts
          of={[
            ["Read", count(read)],
            ["Selected", count(selected)],
            ["Unreadable", unreadable === 0 ? null : count(unreadable)],
            ["Without a record", without_record === 0 ? null : count(without_record)],
            ["From", preview.first_ms === undefined ? null : <Time key="first" at={preview.first_ms} />],
            ["To", preview.last_ms === undefined ? null : <Time key="last" at={preview.last_ms} />],
          ]}
        />
        <Facts
          of={[
            ["Calls", count(calls)],
            ["Expected cost", usd(expected_usd)],
            ["At the most", usd(most_usd)],
            ["Cost when recorded", usd(recorded_usd)],
          ]}
        />
        <Facts
          of={[
            ["By status", sums(preview.by_status)],
            ["By tier", sums(preview.by_tier)],
            ["By tenant", sums(preview.by_tenant)],
          ]}
        />
      </div>
    </Panel>
  );
}

function sums(by: Readonly<Record<string, number>>): string | null {
  const parts = Object.entries(by)
    .sort(([, left], [, right]) => right - left)
    .slice(0, 8)
    .map(([name, number]) => `${name} ${count(number)}`);
  return parts.length === 0 ? null : parts.join(", ");
}

function Spec({ replay }: { readonly replay: Replay }) {
  const { selection, mode, webhooks, charge, fill_cache, settings, ...rest } = replay.spec;
  const effects = [webhooks ? "calls webhooks" : "", charge ? "charges" : "", fill_cache ? "fills the cache" : ""];
  const told = effects.filter((effect) => effect !== "");
  const named = (settings as { readonly name: string } | undefined)?.name;
  const fields = [...Object.entries(selection), ...Object.entries(rest)];
  return (
    <Panel title="What was asked for">
      <Facts
        of={[
          ["Id", <Copyable key="id" text={replay.id} />],
          ["Mode", String(mode)],
          ...fields.map(([name, value]) => [name.replaceAll("_", " "), shown(name, value)] as const),
          ["Settings", named],
          ["Beside its results it", told.length === 0 ? "changes nothing" : told.join(", ")],
          ["Asked for by", replay.by],
          ["Made", <Time key="made" at={replay.created_ms} />],
          ["Ended", replay.ended_ms === null ? null : <Time key="ended" at={replay.ended_ms} />],
        ]}
      />
    </Panel>
  );
}

function shown(name: string, value: unknown) {
  if (name.endsWith("_ms") && typeof value === "number") return <Time at={value} />;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

type StartProps = {
  readonly replay: Replay;
  readonly path: string;
  readonly done: () => void;
  readonly onClose: () => void;
};

function StartDialog({ replay, path, done, onClose }: StartProps) {
  const { preview, totals, budget_usd, status } = replay;
  const [budget, setBudget] = useState(budget_usd === null ? "" : String(budget_usd));
  const amount = Number(budget);
  const given = budget.trim() !== "" && amount > 0;
  return (
    <Confirm
      title={status === "previewed" ? "Start this replay" : "Go on with this replay"}
      act={status === "previewed" ? "Start" : "Go on"}
      danger={(preview?.calls ?? 0) > 0}
      onConfirm={async () => {
        await api(`${path}/start`, { method: "POST", body: given ? { budget_usd: amount } : {} });
        toast("It is on its way");
        done();
      }}
      onClose={onClose}
    >
      {preview === null ? (
        <p>Its preview is made first; it then waits for its start.</p>
      ) : (
        <p>
          <strong>{count(preview.selected)} requests</strong>
          {preview.calls === 0
            ? " are run again with what is recorded: nothing is called, and it costs nothing."
            : `, ${count(preview.calls)} calls: about ${usd(preview.expected_usd)}, at the most ${usd(preview.most_usd)}.`}
        </p>
      )}
      {totals.cost_usd > 0 ? <p>It has spent {usd(totals.cost_usd)} so far.</p> : null}
      {(preview?.calls ?? 0) > 0 || budget_usd !== null ? (
        <TextField
          label="Budget in US dollars"
          type="number"
          value={budget}
          onChange={setBudget}
          hint="It pauses when this is used up."
          autofocus
        />
      ) : null}
    </Confirm>
  );
}
