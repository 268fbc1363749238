/** Webhook deliveries: what was told to whom, each attempt, and telling it again. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { count, duration } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { hrefOf, queryText, setQuery } from "../router.ts";
import { isAdmin } from "../session.ts";
import { Status } from "../ui/badge.tsx";
import { Copyable } from "../ui/code.tsx";
import { Confirm, Dialog } from "../ui/dialog.tsx";
import { Button, SelectField, TextField } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { Pager, usePaging } from "../ui/pager.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { RequestLink } from "../ui/request-link.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

export const deliveriesPage: Page = { path: "deliveries", title: "Deliveries", letter: "w", for: "all", View };

type Attempt = {
  readonly attempt: number;
  readonly at: number;
  readonly duration_ms: number;
  readonly status: number | null;
  readonly error: string | null;
};
type Delivery = {
  readonly id: string;
  readonly event_id: string;
  readonly tenant?: string;
  readonly type: string;
  readonly subject: string;
  readonly webhook_id: string | null;
  readonly url: string;
  readonly status: string;
  readonly occurred_at: number;
  readonly next_attempt_at: number | null;
  readonly ended_at: number | null;
  readonly attempts_total: number;
  readonly attempts: readonly Attempt[];
};
type List = { readonly data: readonly Delivery[]; readonly last_id: string | null; readonly has_more: boolean };

const STATUSES = ["", "pending", "delivered", "failed", "dropped"].map((value) => {
  return { value, text: value === "" ? "any" : value };
});

const seconds = (at: number | null): number | null => (at === null ? null : at * 1_000);

function View({ me, query }: PageProps) {
  const admin = isAdmin(me);
  const base = admin ? "/admin/deliveries" : "/v1/deliveries";
  const filter = {
    status: query.get("status") ?? undefined,
    subject: query.get("subject") ?? undefined,
    ...(admin ? { tenant: query.get("tenant") ?? undefined } : {}),
  };
  const asked = queryText({ limit: 25, ...filter });
  const paging = usePaging(asked);
  const list = usePoll<List>(`${base}?${queryText({ limit: 25, ...filter, after: paging.after })}`, 5_000, {
    keep: true,
  });
  const [shown, setShown] = useState<string | undefined>(undefined);
  const one = list.data?.data.find(({ id }) => id === shown);
  return (
    <>
      <PageHead title="Deliveries" side={admin ? "of all tenants" : me.tenant} />
      <Panel title="Told by webhooks">
        <div class="filters">
          {admin ? (
            <TextField
              label="Tenant"
              value={query.get("tenant") ?? ""}
              onChange={(tenant) => setQuery({ tenant })}
              search
            />
          ) : null}
          <TextField
            label="About (id)"
            value={query.get("subject") ?? ""}
            onChange={(subject) => setQuery({ subject })}
            mono
          />
          <SelectField
            label="Status"
            value={query.get("status") ?? ""}
            onChange={(status) => setQuery({ status })}
            options={STATUSES}
          />
        </div>
        <Loaded of={list}>
          {({ data }) => (
            <Table
              label="Deliveries"
              columns={columnsOf(admin, setShown)}
              rows={data}
              keyOf={({ id }) => id}
              empty={
                <>
                  Nothing was told to anybody that fits this. <code>POST /v1/webhooks</code> says who is to be told.
                </>
              }
            />
          )}
        </Loaded>
        <Pager paging={paging} next={list.data?.has_more ? list.data.last_id : null} />
      </Panel>
      {one === undefined ? null : (
        <One delivery={one} base={base} refresh={list.refresh} onClose={() => setShown(undefined)} />
      )}
    </>
  );
}

function columnsOf(admin: boolean, show: (id: string) => void): Column<Delivery>[] {
  return [
    { title: "Event", cell: ({ type }) => type },
    ...(admin ? [{ title: "Tenant", cell: ({ tenant }: Delivery) => tenant }] : []),
    { title: "About", cell: ({ subject }) => <code title={subject}>{subject}</code>, clip: true },
    { title: "To", cell: ({ url }) => <span title={url}>{url}</span>, clip: true },
    { title: "Status", cell: ({ status }) => <Status of={status} /> },
    { title: "Last answer", cell: ({ attempts }) => <Answer of={attempts.at(-1)} />, clip: true },
    { title: "When", cell: ({ occurred_at }) => <Time at={seconds(occurred_at)} /> },
    {
      title: "Attempts",
      cell: ({ id, attempts_total }) => (
        <Button onClick={() => show(id)} title="Each attempt, and sending it again">
          {count(attempts_total)}
        </Button>
      ),
      numeric: true,
    },
  ];
}

function Answer({ of }: { readonly of: Attempt | undefined }) {
  if (of === undefined) return "–";
  const text = of.error ?? String(of.status ?? "–");
  const is_good = of.status !== null && of.status >= 200 && of.status < 300;
  return (
    <span class={is_good ? undefined : "warned"} title={text}>
      {text}
    </span>
  );
}

/** The request or the job that was told of. */
function Subject({ of: { type, subject, tenant } }: { readonly of: Delivery }) {
  const [kind = ""] = type.split(".");
  if (kind === "request") return <RequestLink tenant={tenant} id={subject} />;
  return <Link href={hrefOf(["jobs", subject], { kind })}>{subject}</Link>;
}

type OneProps = {
  readonly delivery: Delivery;
  readonly base: string;
  readonly refresh: () => void;
  readonly onClose: () => void;
};

function One({ delivery, base, refresh, onClose }: OneProps) {
  const [asking, setAsking] = useState(false);
  const { id, event_id, type, url, status, next_attempt_at, ended_at, attempts } = delivery;
  if (asking) {
    return (
      <Confirm
        title="Send it again"
        act="Send again"
        onConfirm={async () => {
          await api(`${base}/${id}/redeliver`, { method: "POST" });
          toast("It is on its way again");
          refresh();
        }}
        onClose={() => setAsking(false)}
      >
        <p>
          <strong>{type}</strong> goes to {url} once more, under the same event id, so that a receiver that has it can
          tell.
        </p>
      </Confirm>
    );
  }
  const columns: Column<Attempt>[] = [
    { title: "Attempt", cell: ({ attempt }) => String(attempt) },
    { title: "When", cell: ({ at }) => <Time at={at * 1_000} /> },
    { title: "Took", cell: ({ duration_ms }) => duration(duration_ms), numeric: true },
    { title: "Answer", cell: (attempt) => <Answer of={attempt} /> },
  ];
  return (
    <Dialog title={`Delivery of ${type}`} onClose={onClose}>
      <div class="dialog-body">
        <Facts
          of={[
            ["Status", <Status key="status" of={status} />],
            ["About", <Subject key="subject" of={delivery} />],
            ["To", url],
            ["Event id", <Copyable key="event" text={event_id} />],
            ["Next attempt", next_attempt_at === null ? null : <Time key="next" at={seconds(next_attempt_at)} />],
            ["Ended", ended_at === null ? null : <Time key="ended" at={seconds(ended_at)} />],
          ]}
        />
        <Table
          label="Attempts"
          columns={columns}
          rows={attempts}
          keyOf={({ attempt }) => String(attempt)}
          empty="No attempt was made yet."
        />
      </div>
      <footer>
        <Button onClick={onClose}>Close</Button>
        <Button kind="main" onClick={() => setAsking(true)}>
          Send again…
        </Button>
      </footer>
    </Dialog>
  );
}
