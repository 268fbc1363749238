/** Budgets and limits: what is spent of each cap, where it will end, and changing it. */
import { useState } from "preact/hooks";
import type { Budgets, TenantBudget } from "../../../admin/budgets-shape.ts";
import { ApiFailure, api } from "../api.ts";
import { count, percent, usd } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { isAdmin } from "../session.ts";
import { Badge } from "../ui/badge.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Button, CheckField, TextField } from "../ui/fields.tsx";
import { Meter } from "../ui/meter.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

export const budgetsPage: Page = { path: "budgets", title: "Budgets", letter: "b", for: "all", View };

const REFRESH_MS = 5_000;

type Scope = TenantBudget["scopes"][number];

const NAMES: Readonly<Record<Scope["scope"], string>> = {
  request: "One request",
  session: "A session",
  user_day: "A user's day",
  tenant_day: "Day",
  tenant_month: "Month",
};

function View({ me }: PageProps) {
  return isAdmin(me) ? <All /> : <Own />;
}

function All() {
  const budgets = usePoll<Budgets>("/admin/budgets", REFRESH_MS);
  const [wanted, setWanted] = useState("");
  return (
    <>
      <PageHead title="Budgets and limits" side="days and months are UTC's" />
      <Loaded of={budgets} lines={14}>
        {({ data, lost }) => (
          <>
            {lost ? <Lost /> : null}
            {data.length > 1 ? (
              <div class="filters">
                <TextField label="Tenant" type="search" search value={wanted} onChange={setWanted} />
              </div>
            ) : null}
            {data
              .filter(({ tenant }) => tenant.includes(wanted.trim()))
              .toSorted((one, other) => urgency(other) - urgency(one))
              .map((one) => (
                <Tenant key={one.tenant} of={one} changed={budgets.refresh} />
              ))}
            {data.length === 0 ? (
              <div class="empty">
                There is no tenant. <code>npx sluice tenants set</code> makes one.
              </div>
            ) : null}
          </>
        )}
      </Loaded>
    </>
  );
}

/** Who is stopped comes first, then who has the least left; the others by name, as they come. */
function urgency({ stopped, scopes }: TenantBudget): number {
  if (stopped !== null) return Number.POSITIVE_INFINITY;
  const used = scopes.map(({ cap_usd, settled_usd, reserved_usd }) => {
    if (cap_usd === null || settled_usd === null) return 0;
    return cap_usd === 0 ? 1 : (settled_usd + (reserved_usd ?? 0)) / cap_usd;
  });
  const most = Math.max(0, ...used);
  return most < 0.5 ? 0 : most;
}

function Own() {
  const budget = usePoll<TenantBudget>("/v1/budget", REFRESH_MS);
  return (
    <>
      <PageHead title="Budget and limits" side="days and months are UTC's" />
      <Loaded of={budget}>{(one) => <Tenant of={one} />}</Loaded>
    </>
  );
}

function Lost() {
  return (
    <p class="stale" role="status">
      The counters are lost or being restored from the ledger: what they show is nothing yet.
    </p>
  );
}

type TenantProps = {
  readonly of: TenantBudget;
  /** Left out: nothing can be changed here. */
  readonly changed?: () => void;
};

type Asked = { readonly kind: "cap"; readonly scope: Scope } | { readonly kind: "resume" };

function Tenant({ of, changed }: TenantProps) {
  const { tenant, plan, scopes, stopped } = of;
  const [asked, setAsked] = useState<Asked>();
  const close = (): void => setAsked(undefined);
  return (
    <Panel
      title={tenant}
      side={
        <>
          <span>plan {plan}</span>
          {stopped === null ? null : <Badge tone="bad">stopped</Badge>}
        </>
      }
    >
      {stopped === null ? null : (
        <div class="notice">
          <span>
            Stopped since <Time at={stopped.at} />: more than {usd(stopped.limit_usd)} were spent within its velocity's
            window.
          </span>
          {changed === undefined ? null : <Button onClick={() => setAsked({ kind: "resume" })}>Resume {tenant}</Button>}
        </div>
      )}
      <Facts of={limitFacts(of)} />
      <Table
        label={`Budgets of ${tenant}`}
        columns={columnsOf(tenant, changed === undefined ? undefined : (scope) => setAsked({ kind: "cap", scope }))}
        rows={scopes}
        keyOf={({ scope }) => scope}
      />
      {asked?.kind === "cap" ? (
        <CapDialog tenant={tenant} scope={asked.scope} changed={changed} onClose={close} />
      ) : null}
      {asked?.kind === "resume" ? (
        <Confirm
          title={`Resume ${tenant}`}
          act={`Resume ${tenant}`}
          onClose={close}
          onConfirm={async () => {
            await api(`/admin/budgets/${encodeURIComponent(tenant)}/resume`, { method: "POST" });
            toast(`${tenant} goes on`);
            changed?.();
          }}
        >
          <p>Its requests are let through again, and what led to the stop is forgotten.</p>
        </Confirm>
      ) : null}
    </Panel>
  );
}

function columnsOf(tenant: string, change: ((scope: Scope) => void) | undefined): readonly Column<Scope>[] {
  const act: Column<Scope> = {
    title: "Change",
    numeric: true,
    cell: (scope) => (
      <Button onClick={() => change?.(scope)} title={`Set the cap of ${NAMES[scope.scope]} of ${tenant}`}>
        Set cap
      </Button>
    ),
  };
  return [
    { title: "Scope", cell: ({ scope }) => NAMES[scope] },
    { title: "Used", cell: (scope) => <Used of={scope} /> },
    { title: "Spent", numeric: true, cell: ({ settled_usd }) => usd(settled_usd) },
    { title: "Held", numeric: true, cell: ({ reserved_usd }) => usd(reserved_usd) },
    {
      title: "Cap",
      numeric: true,
      cell: ({ cap_usd, source, plan_usd }) => (
        <span
          title={
            source === "plan"
              ? "from its plan"
              : `set for it; the plan has ${plan_usd === null ? "no cap" : usd(plan_usd)}`
          }
        >
          {cap_usd === null ? "no cap" : usd(cap_usd)}
          {source === "plan" ? "" : " *"}
        </span>
      ),
    },
    { title: "Will be", numeric: true, cell: (scope) => <Forecast of={scope} /> },
    { title: "Resets", cell: ({ resets_at }) => <Time at={resets_at} /> },
    ...(change === undefined ? [] : [act]),
  ];
}

function Used({ of: { scope, cap_usd, settled_usd, reserved_usd, forecast_usd } }: { readonly of: Scope }) {
  if (settled_usd === null || reserved_usd === null) {
    return <span class="quiet">{scope === "request" ? "each by itself" : "each has its own"}</span>;
  }
  if (cap_usd === null) return <span class="quiet">–</span>;
  if (cap_usd === 0) return <span class="warned">nothing is let through</span>;
  const [used, held] = [settled_usd / cap_usd, reserved_usd / cap_usd];
  return (
    <span class="used">
      <Meter
        label={`${NAMES[scope]}: used`}
        used={used}
        held={held}
        forecast={forecast_usd === null ? undefined : forecast_usd / cap_usd}
      />
      {percent(used + held)}
    </span>
  );
}

function Forecast({ of: { cap_usd, forecast_usd, reached_at } }: { readonly of: Scope }) {
  if (forecast_usd === null) return <span class="quiet">–</span>;
  if (reached_at === null)
    return <span title="at the window's end, if spending goes on as of late">{usd(forecast_usd)}</span>;
  if (Date.parse(reached_at) <= Date.now()) return <span class="warned">reached</span>;
  return (
    <span class="warned" title={`would be ${usd(forecast_usd)} at the window's end`}>
      {usd(cap_usd)} at <Time at={reached_at} />
    </span>
  );
}

function limitFacts({ limits, velocity, in_flight, in_flight_max }: TenantBudget) {
  const words = ({
    requests_per_minute,
    tokens_per_minute,
    requests_per_day,
  }: TenantBudget["limits"]["tenant"]): string | undefined => {
    const said = [
      requests_per_minute === undefined ? "" : `${count(requests_per_minute)} requests a minute`,
      tokens_per_minute === undefined ? "" : `${count(tokens_per_minute)} tokens a minute`,
      requests_per_day === undefined ? "" : `${count(requests_per_day)} requests a day`,
    ].filter((text) => text !== "");
    return said.length === 0 ? undefined : said.join(", ");
  };
  return [
    ["In flight", in_flight_max === null ? count(in_flight) : `${count(in_flight)} of ${count(in_flight_max)}`],
    ["Limit of the tenant", words(limits.tenant)],
    ["Of each user", words(limits.user)],
    ["Of each key", words(limits.key)],
    ["Velocity", velocity === null ? undefined : `stops at ${usd(velocity.usd)} within ${count(velocity.window_s)} s`],
  ] as const;
}

type CapProps = {
  readonly tenant: string;
  readonly scope: Scope;
  readonly changed: (() => void) | undefined;
  readonly onClose: () => void;
};

function CapDialog({ tenant, scope, changed, onClose }: CapProps) {
  const [amount, setAmount] = useState(scope.cap_usd === null ? "" : String(scope.cap_usd));
  const [none, setNone] = useState(scope.cap_usd === null);
  const given = amount.trim() === "" ? Number.NaN : Number(amount);
  const used_usd = (scope.settled_usd ?? 0) + (scope.reserved_usd ?? 0);
  return (
    <Confirm
      title={`${NAMES[scope.scope]} of ${tenant}`}
      act="Set cap"
      onClose={onClose}
      onConfirm={async () => {
        if (!none && !(given >= 0)) throw new ApiFailure(0, "invalid", "Give an amount in US dollars.");
        const body = { scope: scope.scope, usd: none ? null : given };
        await api(`/admin/budgets/${encodeURIComponent(tenant)}`, { method: "POST", body });
        toast(`${NAMES[scope.scope]} of ${tenant}: ${none ? "no cap" : usd(given)}`);
        // Every process hears of it a moment later.
        setTimeout(() => changed?.(), 500);
      }}
    >
      <TextField
        label="Cap in US dollars"
        type="number"
        value={none ? "" : amount}
        onChange={(value) => {
          setAmount(value);
          setNone(false);
        }}
        hint={`The plan has ${scope.plan_usd === null ? "no cap" : usd(scope.plan_usd)}. Spent and held together stay within it; 0 lets nothing pass that costs.`}
        autofocus
      />
      <CheckField label="No cap" checked={none} onChange={setNone} />
      {!none && given < used_usd ? (
        <p class="stale">More is used already ({usd(used_usd)}): nothing passes until it resets.</p>
      ) : null}
    </Confirm>
  );
}
