/** Routing: what each tier answers and costs, why requests go where, and rollouts. */
import { useState } from "preact/hooks";
import { count, percent, usd, usdShort } from "../format.ts";
import type { Page, PageProps } from "../page.ts";
import { usePoll } from "../poll.ts";
import { hrefOf } from "../router.ts";
import { Badge, Status } from "../ui/badge.tsx";
import { Button } from "../ui/fields.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import { RolloutPage } from "./rollout.tsx";
import { StartRollout } from "./rollout-start.tsx";
import { changeText, type Rollout } from "./rollout-view.ts";

export const routingPage: Page = { path: "routing", title: "Routing", letter: "t", for: "admin", View };

type Counts = {
  readonly requests: number;
  readonly failed: number;
  readonly share: number;
  readonly called: number;
  readonly cost_usd: number;
  readonly cost_share: number;
};
export type Tier = {
  readonly name: string;
  readonly kind: string | null;
  readonly models: readonly {
    readonly model: string;
    readonly input_usd_per_mtok: number | null;
    readonly output_usd_per_mtok: number | null;
  }[];
  readonly prompts: readonly string[];
  readonly prompt: string | null;
  readonly endpoints: readonly string[];
  readonly hour: Counts;
  readonly day: Counts | null;
};
type Reason = { readonly reason: string; readonly by: string | null; readonly tier: string; readonly requests: number };
type Routing = {
  readonly default_tier: string;
  readonly ladder: readonly string[];
  readonly tiers: readonly Tier[];
  readonly reasons: readonly Reason[];
  readonly reasons_of: number;
  readonly rules: readonly { readonly name: string; readonly tier: string }[];
};

function View({ rest }: PageProps) {
  const [of, name] = rest;
  return of === "rollouts" && name !== undefined ? <RolloutPage name={name} /> : <Overview />;
}

function Overview() {
  const routing = usePoll<Routing>("/admin/routing", 15_000);
  const rollouts = usePoll<{ readonly data: readonly Rollout[] }>("/admin/rollouts", 5_000);
  const [starting, setStarting] = useState(false);
  return (
    <>
      <PageHead
        title="Routing"
        side={routing.data === undefined ? undefined : `ladder ${routing.data.ladder.join(" → ")}`}
      />
      <Loaded of={routing} lines={10}>
        {(data) => (
          <Panel title="Tiers" side="of the last 24 hours">
            <Table
              label="Tiers"
              columns={tierColumns(data.default_tier)}
              rows={data.tiers}
              keyOf={({ name }) => name}
              empty="The settings have no tiers."
            />
          </Panel>
        )}
      </Loaded>
      <Panel title="Rollouts" side={<Button onClick={() => setStarting(true)}>Start a rollout…</Button>}>
        <Loaded of={rollouts} lines={3}>
          {({ data }) => (
            <Table
              label="Rollouts"
              columns={ROLLOUT_COLUMNS}
              rows={data}
              keyOf={({ name }) => name}
              hrefOf={({ name }) => hrefOf(["routing", "rollouts", name])}
              empty="There are none: every request has what the settings say."
            />
          )}
        </Loaded>
      </Panel>
      {routing.data === undefined ? null : <Reasons of={routing.data} />}
      {starting ? (
        <StartRollout tiers={routing.data?.tiers ?? []} started={rollouts.refresh} onClose={() => setStarting(false)} />
      ) : null}
    </>
  );
}

function tierColumns(default_tier: string): readonly Column<Tier>[] {
  const of_day = ({ day, hour }: Tier): Counts => day ?? hour;
  const price = (value: number | null): string => (value === null ? "–" : usdShort(value));
  return [
    {
      title: "Tier",
      cell: ({ name, kind }) => (
        <>
          {name} {name === default_tier ? <Badge>default</Badge> : null}
          {kind === null ? <Badge tone="warn">gone</Badge> : null}
        </>
      ),
    },
    {
      title: "Models, $ in and out per million tokens",
      cell: ({ models }) => (
        <ul class="plain">
          {models.map(({ model, input_usd_per_mtok, output_usd_per_mtok }) => (
            <li key={model}>
              {model}{" "}
              <span class="quiet">
                {price(input_usd_per_mtok)} / {price(output_usd_per_mtok)}
              </span>
            </li>
          ))}
        </ul>
      ),
    },
    { title: "Endpoints", cell: ({ endpoints }) => endpoints.join(", "), clip: true },
    { title: "Prompt", cell: ({ prompt }) => prompt ?? "–" },
    { title: "Requests", cell: (tier) => count(of_day(tier).requests), numeric: true },
    { title: "Share", cell: (tier) => percent(of_day(tier).share), numeric: true },
    { title: "Failed", cell: (tier) => count(of_day(tier).failed), numeric: true },
    { title: "Cost", cell: (tier) => usd(of_day(tier).cost_usd), numeric: true },
    { title: "Of the cost", cell: (tier) => percent(of_day(tier).cost_share), numeric: true },
    { title: "This hour", cell: ({ hour }) => `${count(hour.requests)}, ${usd(hour.cost_usd)}`, numeric: true },
  ];
}

const ROLLOUT_COLUMNS: readonly Column<Rollout>[] = [
  { title: "Rollout", cell: ({ name }) => name },
  { title: "Change", cell: ({ change }) => changeText(change) },
  { title: "Status", cell: ({ status }) => <Status of={status} /> },
  { title: "New side", cell: ({ percent: part }) => `${part}%`, numeric: true },
  { title: "Moves", cell: ({ automatic }) => (automatic ? "by itself" : "by hand") },
  { title: "Since", cell: ({ stage_ms }) => <Time at={stage_ms} /> },
  { title: "Why", cell: ({ why, problem }) => problem ?? why ?? "", clip: true, wide: true },
];

function Reasons({ of }: { readonly of: Routing }) {
  const columns: Column<Reason>[] = [
    { title: "Reason", cell: ({ reason }) => reason },
    { title: "Decided by", cell: ({ by }) => by ?? "–" },
    { title: "Tier", cell: ({ tier }) => tier },
    { title: "Requests", cell: ({ requests }) => count(requests), numeric: true },
    { title: "Share", cell: ({ requests }) => percent(requests / Math.max(1, of.reasons_of)), numeric: true },
  ];
  return (
    <Panel title="Why requests went where" side={`of the newest ${count(of.reasons_of)}`}>
      <Table
        label="Reasons"
        columns={columns}
        rows={of.reasons}
        keyOf={({ reason, by, tier }) => `${reason}/${by}/${tier}`}
        empty="No request within the last day."
      />
    </Panel>
  );
}
