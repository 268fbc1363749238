/** Advice: what limits the pipeline, why, and what to change; and how its stages stand. */
import type { AdviceReply } from "../../../admin/advice-shape.ts";
import { count, duration, percent, rate } from "../format.ts";
import type { Page } from "../page.ts";
import { usePoll } from "../poll.ts";
import { Badge, type Tone } from "../ui/badge.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";

export const advicePage: Page = { path: "advice", title: "Advice", letter: "a", for: "admin", View };

const REFRESH_MS = 5_000;

type Finding = AdviceReply["findings"][number];
type Stage = AdviceReply["stages"][number];

const TONES: Readonly<Record<Finding["severity"], Tone>> = { bottleneck: "bad", risk: "warn", note: "quiet" };

function View() {
  const advice = usePoll<AdviceReply>("/admin/advice", REFRESH_MS);
  return (
    <>
      <PageHead
        title="Advice"
        side={
          advice.data === undefined ? (
            "looking for some seconds…"
          ) : (
            <>
              over {duration(advice.data.seconds * 1_000)}, as of <Time at={advice.data.at_ms} />
            </>
          )
        }
      />
      <Loaded of={advice} lines={12}>
        {({ findings, stages }) => (
          <>
            {findings.map((finding) => (
              <One key={`${finding.stage} ${finding.what}`} of={finding} />
            ))}
            <Panel title="Stages" side="in the order of a record's way">
              <Table
                label="Stages"
                columns={COLUMNS}
                rows={stages}
                keyOf={({ name }) => name}
                empty="There are none."
              />
            </Panel>
          </>
        )}
      </Loaded>
    </>
  );
}

function One({ of }: { readonly of: Finding }) {
  const { what, stage, severity, summary, evidence, change, gain } = of;
  return (
    <Panel title={`${stage}: ${what.replaceAll("_", " ")}`} side={<Badge tone={TONES[severity]}>{severity}</Badge>}>
      <Facts
        of={[
          ["What", summary],
          ["Change", change],
          [
            "Brings",
            gain === null ? null : `${gain.what}: ${count(gain.from)} → ${count(gain.to)} ${gain.unit} (${gain.how})`,
          ],
        ]}
      />
      {evidence.length === 0 ? null : (
        <details>
          <summary>{count(evidence.length)} figures</summary>
          <Facts
            of={evidence.map(({ name, value, unit }) => [name, `${value}${unit === undefined ? "" : ` ${unit}`}`])}
          />
        </details>
      )}
    </Panel>
  );
}

const COLUMNS: readonly Column<Stage>[] = [
  { title: "Stage", cell: ({ name }) => name },
  { title: "In", numeric: true, cell: ({ arrivals_per_s }) => rate(arrivals_per_s) },
  { title: "Done", numeric: true, cell: ({ done_per_s }) => rate(done_per_s) },
  { title: "Behind", numeric: true, cell: ({ lag }) => count(lag) },
  { title: "Growth", numeric: true, cell: ({ growth_per_s }) => rate(growth_per_s) },
  {
    title: "Oldest",
    numeric: true,
    cell: ({ oldest_age_ms }) => (oldest_age_ms === 0 ? "–" : duration(oldest_age_ms)),
  },
  { title: "Processes", numeric: true, cell: ({ processes }) => count(processes) },
  { title: "Slots in use", numeric: true, cell: ({ utilisation }) => percent(utilisation) },
  { title: "Busiest loop", numeric: true, cell: ({ loop_busy }) => percent(loop_busy) },
  { title: "A record takes", numeric: true, cell: ({ service_ms }) => (service_ms === 0 ? "–" : duration(service_ms)) },
];
