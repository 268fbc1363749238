/** Batches and map-reduces: how far they are, what failed in them, and cancelling them. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { count, duration, percent, usd } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { hrefOf, queryText, setQuery } from "../router.ts";
import { isAdmin } from "../session.ts";
import { Status } from "../ui/badge.tsx";
import { Code, Copyable } from "../ui/code.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Button, SelectField, TextField } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { Pager, usePaging } from "../ui/pager.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { RequestLink } from "../ui/request-link.tsx";
import { Stat, Stats } from "../ui/stat.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { type Job, type JobKind, jobOf } from "./job-view.ts";

export const jobsPage: Page = { path: "jobs", title: "Jobs", letter: "j", for: "all", View };

type List = { readonly data: readonly object[]; readonly last_id: string | null; readonly has_more: boolean };
type Failure = {
  readonly id: string;
  readonly line: number;
  readonly custom_id: string | null;
  readonly status: string;
  readonly error_code: string | null;
};
type Found = Job & { readonly detail?: object; readonly failures?: readonly Failure[] };

const ENDED = ["completed", "failed", "expired", "cancelled"];
const KINDS = [
  { value: "batch", text: "batches" },
  { value: "map_reduce", text: "map-reduces" },
];
const STATUSES = ["", "open", "in_progress", ...ENDED].map((value) => {
  return { value, text: value === "" ? "any" : value === "open" ? "not ended" : value.replaceAll("_", " ") };
});

function View(props: PageProps) {
  const [id] = props.rest;
  return id === undefined ? <Jobs {...props} /> : <One {...props} id={id} />;
}

/** Where a tenant's own jobs are asked for. */
function baseOf(kind: JobKind): string {
  return kind === "batch" ? "/v1/batches" : "/v1/map-reduce";
}

function Jobs({ me, query }: PageProps) {
  const admin = isAdmin(me);
  const kind = query.get("kind") ?? (admin ? "" : "batch");
  const filter = admin
    ? { kind, status: query.get("status") ?? undefined, tenant: query.get("tenant") ?? undefined }
    : {};
  const base = admin ? "/admin/jobs" : baseOf(kind as JobKind);
  const asked = `${base}?${queryText({ limit: 25, ...filter })}`;
  const paging = usePaging(asked);
  const list = usePoll<List>(`${base}?${queryText({ limit: 25, ...filter, after: paging.after })}`, 4_000, {
    keep: true,
  });
  return (
    <>
      <PageHead title="Jobs" side={admin ? "of all tenants" : me.tenant} />
      <Panel title="Batches and map-reduces">
        <div class="filters">
          {admin ? (
            <TextField
              label="Tenant"
              value={query.get("tenant") ?? ""}
              onChange={(tenant) => setQuery({ tenant })}
              search
            />
          ) : null}
          <SelectField
            label="Kind"
            value={kind}
            onChange={(chosen) => setQuery({ kind: chosen })}
            options={admin ? [{ value: "", text: "both" }, ...KINDS] : KINDS}
          />
          {admin ? (
            <SelectField
              label="Status"
              value={query.get("status") ?? ""}
              onChange={(status) => setQuery({ status })}
              options={STATUSES}
            />
          ) : null}
        </div>
        <Loaded of={list}>
          {({ data }) => (
            <Table
              label="Jobs"
              columns={columnsOf(admin)}
              rows={data.map(jobOf)}
              keyOf={(job) => job.id}
              hrefOf={(job) => hrefOf(["jobs", job.id], { kind: job.kind })}
              empty={
                <>
                  There are none that fit this. <code>POST /v1/batches</code> and <code>POST /v1/map-reduce</code> make
                  them.
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

function columnsOf(admin: boolean): Column<Job>[] {
  return [
    { title: "Job", cell: ({ id }) => <span title={id}>{id}</span>, clip: true },
    ...(admin ? [{ title: "Tenant", cell: ({ tenant }: Job) => tenant ?? "" }] : []),
    { title: "Kind", cell: ({ kind }) => (kind === "batch" ? "batch" : "map-reduce") },
    { title: "Status", cell: ({ status }) => <Status of={status} /> },
    { title: "Progress", cell: (job) => <Progress of={job} /> },
    { title: "Failed", cell: ({ failed }) => count(failed), numeric: true },
    { title: "Cost", cell: ({ cost_usd }) => usd(cost_usd), numeric: true },
    { title: "Made", cell: ({ created_at }) => <Time at={created_at * 1_000} /> },
  ];
}

function partOf({ done, failed, total }: Job): number {
  return total === 0 ? 0 : (done + failed) / total;
}

function Progress({ of }: { readonly of: Job }) {
  return (
    <span class="progress">
      <progress max={1} value={partOf(of)} aria-label={`${of.done + of.failed} of ${of.total}`} />{" "}
      {count(of.done + of.failed)} of {count(of.total)}
    </span>
  );
}

function One({ me, query, id }: PageProps & { readonly id: string }) {
  const admin = isAdmin(me);
  const kind: JobKind = query.get("kind") === "map_reduce" ? "map_reduce" : "batch";
  const base = admin ? "/admin/jobs" : baseOf(kind);
  const path = `${base}/${encodeURIComponent(id)}`;
  const found = usePoll<object>(path, 3_000);
  const [asking, setAsking] = useState(false);
  const job = found.data === undefined ? undefined : (jobOf(found.data) as Found);
  const open = job !== undefined && !ENDED.includes(job.status) && job.status !== "cancelling";
  const may_cancel = open && (admin || me.scopes.includes("submit"));
  return (
    <>
      <PageHead
        title={<span class="mono">{id}</span>}
        side={
          <>
            <Link href={hrefOf(["jobs"])}>All jobs</Link>
            {may_cancel ? (
              <Button kind="danger" onClick={() => setAsking(true)}>
                Cancel…
              </Button>
            ) : null}
          </>
        }
      />
      <Loaded of={found}>{() => (job === undefined ? null : <Detail job={job} own={me.tenant} />)}</Loaded>
      {asking && job !== undefined ? (
        <Confirm
          title={`Cancel this ${job.kind === "batch" ? "batch" : "map-reduce"}`}
          act="Cancel it"
          danger
          onConfirm={async () => {
            await api(`${path}/cancel`, { method: "POST" });
            toast("It is being cancelled");
            found.refresh();
          }}
          onClose={() => setAsking(false)}
        >
          <p>
            {count(job.done + job.failed)} of {count(job.total)} have ended and are kept, with their cost of{" "}
            {usd(job.cost_usd)}. The other {count(Math.max(0, job.total - job.done - job.failed))} are not asked any
            more; calls under way are ended.
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

/** @param own the tenant of who looks, for jobs that do not name theirs. */
function Detail({ job, own }: { readonly job: Found; readonly own: string }) {
  const columns: Column<Failure>[] = [
    { title: "Request", cell: ({ id }) => <RequestLink tenant={job.tenant ?? own} id={id} />, clip: true },
    { title: "Line", cell: ({ line }) => count(line), numeric: true },
    { title: "Own name", cell: ({ custom_id }) => custom_id ?? "–", clip: true },
    { title: "Status", cell: ({ status }) => <Status of={status} /> },
    { title: "Error", cell: ({ error_code }) => <code>{error_code ?? "–"}</code> },
  ];
  const { failures, detail } = job;
  return (
    <>
      <Stats>
        <Stat name="Status" value={job.status.replaceAll("_", " ")} note={job.text} />
        <Stat name="Done" value={count(job.done)} note={`of ${count(job.total)}`} />
        <Stat name="Failed" value={count(job.failed)} {...(job.failed > 0 ? { tone: "bad" as const } : {})} />
        <Stat name="Cost" value={usd(job.cost_usd)} note={job.budget_usd === null ? "" : `of ${usd(job.budget_usd)}`} />
        <Stat name="Left" value={job.eta_s === null ? "–" : duration(job.eta_s * 1_000)} />
      </Stats>
      <Panel title="How far it is" side={percent(partOf(job))}>
        <progress max={1} value={partOf(job)} aria-label={`${job.done + job.failed} of ${job.total} ended`} />
        <Facts
          of={[
            ["Tenant", job.tenant],
            ["Id", <Copyable key="id" text={job.id} />],
            ["Made", <Time key="made" at={job.created_at * 1_000} />],
            ["Ends at the latest", job.expires_at === null ? null : <Time key="expires" at={job.expires_at * 1_000} />],
            ["Ended", job.ended_at === null ? null : <Time key="ended" at={job.ended_at * 1_000} />],
          ]}
        />
      </Panel>
      {failures === undefined ? null : (
        <Panel title="What did not succeed">
          <Table
            label="Requests that did not succeed"
            columns={columns}
            rows={failures}
            keyOf={({ id, line }) => `${id}/${line}`}
            empty="Nothing so far."
          />
        </Panel>
      )}
      <Panel title="As its tenant sees it">
        <Code label="The job as JSON" value={detail ?? job.raw} />
      </Panel>
    </>
  );
}
