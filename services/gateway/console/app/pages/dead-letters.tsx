/** Dead letters: by reason, one by one, and what to do with them. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { bytes, count } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { type Polled, usePoll } from "../poll.ts";
import { hrefOf, queryText, setQuery } from "../router.ts";
import { Badge } from "../ui/badge.tsx";
import { Button, SelectField, TextField } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toast, toastFailure } from "../ui/toast.tsx";
import { type Ask, type Letter, OneLetter, TONES } from "./dead-letter.tsx";
import { ActDialog, type Asked, type Filter } from "./dead-letter-acts.tsx";

export const deadLettersPage: Page = { path: "dead-letters", title: "Dead letters", letter: "d", for: "admin", View };

type Group = {
  readonly code: string;
  readonly service: string;
  readonly topic: string;
  readonly count: number;
  readonly waiting: number;
  readonly redriven: number;
  readonly dropped: number;
  readonly last_ms: number;
  readonly sample: { readonly place: string; readonly message: string };
};
type Run = {
  readonly act: "redrive" | "drop";
  readonly by: string;
  readonly status: string;
  readonly progress: { readonly passed: number; readonly of: number; readonly done: number };
  readonly ended_ms: number | null;
  readonly error: string | null;
};
type RunReply = { readonly run: Run | null };
type List<T> = { readonly data: readonly T[]; readonly partial: boolean };

const STATES = ["", "waiting", "redriven", "dropped"].map((value) => ({ value, text: value === "" ? "any" : value }));

function View({ rest, query }: PageProps) {
  const [asked, setAsked] = useState<Asked | undefined>(undefined);
  const run = usePoll<RunReply>("/admin/dead-letters/run", 2_000);
  const [of, place] = rest;
  const one = of === "letter" && place !== undefined;
  const group = query.get("code");
  return (
    <>
      {one ? (
        <OneLetter place={place} ask={setAsked} />
      ) : group === null && query.get("id") === null ? (
        <Groups ask={setAsked} />
      ) : (
        <Letters query={query} ask={setAsked} />
      )}
      <RunPanel of={run} />
      {asked === undefined ? null : (
        <ActDialog asked={asked} started={run.refresh} onClose={() => setAsked(undefined)} />
      )}
    </>
  );
}

function Groups({ ask }: Ask) {
  const groups = usePoll<List<Group>>("/admin/dead-letters", 15_000);
  const [id, setId] = useState("");
  const filterOf = ({ code, service, topic }: Group): Filter => ({ code, service, topic });
  const columns: Column<Group>[] = [
    { title: "Reason", cell: ({ code }) => <code>{code}</code> },
    { title: "Given up by", cell: ({ service }) => service },
    { title: "Stood on", cell: ({ topic }) => topic, clip: true },
    { title: "Waiting", cell: ({ waiting }) => count(waiting), numeric: true },
    { title: "Redriven", cell: ({ redriven }) => count(redriven), numeric: true },
    { title: "Dropped", cell: ({ dropped }) => count(dropped), numeric: true },
    { title: "Last", cell: ({ last_ms }) => <Time at={last_ms} /> },
    {
      title: "Such as",
      cell: ({ sample }) => <span title={sample.message}>{sample.message}</span>,
      clip: true,
      wide: true,
    },
    {
      title: "Act",
      cell: (group) =>
        group.waiting === 0 ? null : (
          <span class="row">
            <Button onClick={() => ask({ act: "redrive", filter: filterOf(group), what: group.code })}>Redrive…</Button>
            <Button kind="danger" onClick={() => ask({ act: "drop", filter: filterOf(group), what: group.code })}>
              Drop…
            </Button>
          </span>
        ),
    },
  ];
  return (
    <>
      <PageHead title="Dead letters" />
      <Panel title="By reason">
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (id.trim() !== "") setQuery({ id: id.trim() });
          }}
        >
          <TextField label="Of a request (id)" value={id} onChange={setId} search mono />
          <Button type="submit" disabled={id.trim() === ""}>
            Find
          </Button>
        </form>
        <Loaded of={groups}>
          {({ data, partial }) => (
            <>
              {partial ? <p class="stale">There was no time to read them all.</p> : null}
              <Table
                label="Dead letters by reason"
                columns={columns}
                rows={data}
                keyOf={({ code, service, topic }) => `${code} ${service} ${topic}`}
                hrefOf={({ code, service, topic }) => hrefOf(["dead-letters"], { code, service, topic })}
                empty="There are no dead letters: every record was worked off."
              />
            </>
          )}
        </Loaded>
      </Panel>
    </>
  );
}

function Letters({ query, ask }: Ask & { readonly query: URLSearchParams }) {
  const named = (name: string): string | undefined => query.get(name) ?? undefined;
  const filter = { code: named("code"), service: named("service"), topic: named("topic"), id: named("id") };
  const state = named("state");
  const list = usePoll<List<Letter>>(`/admin/dead-letters/list?${queryText({ limit: 100, ...filter, state })}`, 15_000);
  const { id, ...rest } = filter;
  const meant = { ...given(rest), ...(id === undefined ? {} : { ids: [id] }) };
  const what = filter.code ?? id ?? "these";
  const waiting = list.data?.data.some((letter) => letter.state === "waiting") ?? false;
  return (
    <>
      <PageHead
        title={<span class="mono">{what}</span>}
        side={
          <>
            <Link href={hrefOf(["dead-letters"])}>All reasons</Link>
            {waiting ? (
              <>
                <Button onClick={() => ask({ act: "redrive", filter: meant, what })}>Redrive all…</Button>
                <Button kind="danger" onClick={() => ask({ act: "drop", filter: meant, what })}>
                  Drop all…
                </Button>
              </>
            ) : null}
          </>
        }
      />
      <Panel title="Letters" side={[filter.service, filter.topic].filter((part) => part !== undefined).join(" · ")}>
        <div class="filters">
          <SelectField
            label="State"
            value={state ?? ""}
            onChange={(next) => setQuery({ state: next })}
            options={STATES}
          />
        </div>
        <Loaded of={list}>
          {({ data, partial }) => (
            <>
              {partial ? <p class="stale">There was no time to read them all.</p> : null}
              <Table
                label="Dead letters"
                columns={LETTER_COLUMNS}
                rows={data}
                keyOf={(letter) => letter.id}
                hrefOf={(letter) => hrefOf(["dead-letters", "letter", letter.id])}
                empty="There are none that fit this."
              />
            </>
          )}
        </Loaded>
      </Panel>
    </>
  );
}

const LETTER_COLUMNS: readonly Column<Letter>[] = [
  { title: "Place", cell: ({ id }) => <code>{id}</code> },
  { title: "When", cell: ({ at_ms }) => <Time at={at_ms} /> },
  { title: "Tenant", cell: ({ tenant }) => tenant ?? "–" },
  { title: "Request", cell: ({ request }) => <code>{request ?? "–"}</code>, clip: true },
  { title: "Message", cell: ({ message }) => <span title={message}>{message}</span>, clip: true },
  { title: "Size", cell: (letter) => bytes(letter.bytes), numeric: true },
  { title: "Redrives before", cell: ({ redrives }) => count(redrives), numeric: true },
  { title: "State", cell: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge> },
];

function RunPanel({ of }: { readonly of: Polled<RunReply> }) {
  const run = of.data?.run;
  if (run == null) return null;
  const { progress, status } = run;
  const stop = (): void => {
    api("/admin/dead-letters/run/stop", { method: "POST" }).then(() => {
      toast("Stopped; the rest waits as before");
      of.refresh();
    }, toastFailure);
  };
  const running = status === "running";
  return (
    <Panel
      title={run.act === "redrive" ? "Redrive" : "Drop"}
      side={
        <>
          <Badge tone={running ? "busy" : status === "done" ? "good" : "warn"}>{status}</Badge>
          {running ? <Button onClick={stop}>Stop</Button> : null}
        </>
      }
    >
      <progress
        max={Math.max(1, progress.of)}
        value={running ? progress.passed : Math.max(1, progress.passed)}
        aria-label={`${progress.passed} of ${progress.of} letters looked at`}
      />
      <p>
        {count(progress.passed)} of {count(progress.of)} looked at, {count(progress.done)}{" "}
        {run.act === "redrive" ? "redriven" : "dropped"}, asked for by {run.by}
        {run.error === null ? "" : `: ${run.error}`}
      </p>
    </Panel>
  );
}

function given(fields: Readonly<Record<string, string | undefined>>): Filter {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Filter;
}
