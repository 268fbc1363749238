/** What the cache answered by meaning lately, each with the entries that were looked at. */
import { useState } from "preact/hooks";
import { percent } from "../format.ts";
import { usePoll } from "../poll.ts";
import { Badge } from "../ui/badge.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Button } from "../ui/fields.tsx";
import { Facts, Panel } from "../ui/panel.tsx";
import { RequestLink } from "../ui/request-link.tsx";
import { Loaded } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";
import type { Selector } from "./cache-purge.tsx";

type Hit = {
  readonly id: string;
  readonly tenant: string;
  readonly at_ms: number;
  readonly tier: string;
  readonly entry_id: string | null;
  readonly similarity: number | null;
  readonly probability: number | null;
  readonly threshold: number | null;
  readonly candidates: readonly {
    readonly entry: string;
    readonly similarity: number;
    readonly probability: number | null;
    readonly rejected_by: string | null;
  }[];
};

export function CacheHits({ purge }: { readonly purge: (selector: Selector) => void }) {
  const hits = usePoll<{ readonly data: readonly Hit[] }>("/admin/cache/hits?limit=20", 15_000);
  const [shown, setShown] = useState<Hit | undefined>(undefined);
  const columns: Column<Hit>[] = [
    { title: "Request", cell: ({ tenant, id }) => <RequestLink tenant={tenant} id={id} />, clip: true },
    { title: "Tenant", cell: ({ tenant }) => tenant },
    { title: "When", cell: ({ at_ms }) => <Time at={at_ms} /> },
    { title: "Similarity", cell: ({ similarity }) => similarity?.toFixed(3) ?? "–", numeric: true },
    { title: "Right with", cell: ({ probability }) => percent(probability), numeric: true },
    { title: "Needed", cell: ({ threshold }) => percent(threshold), numeric: true },
    {
      title: "Evidence",
      cell: (hit) => <Button onClick={() => setShown(hit)}>{`${hit.candidates.length} looked at`}</Button>,
    },
  ];
  return (
    <Panel title="Answered by meaning, lately">
      <Loaded of={hits}>
        {({ data }) => (
          <Table
            label="Semantic hits"
            columns={columns}
            rows={data}
            keyOf={({ tenant, id }) => `${tenant}/${id}`}
            empty="No request was answered by meaning within the last day."
          />
        )}
      </Loaded>
      {shown === undefined ? null : <Evidence hit={shown} purge={purge} onClose={() => setShown(undefined)} />}
    </Panel>
  );
}

type EvidenceProps = {
  readonly hit: Hit;
  readonly purge: (selector: Selector) => void;
  readonly onClose: () => void;
};

function Evidence({ hit, purge, onClose }: EvidenceProps) {
  const { id, tenant, tier, entry_id, threshold, candidates } = hit;
  const columns: Column<Hit["candidates"][number]>[] = [
    { title: "Entry", cell: ({ entry }) => <code>{shortId(entry)}</code> },
    { title: "Similarity", cell: ({ similarity }) => similarity.toFixed(3), numeric: true },
    { title: "Right with", cell: ({ probability }) => percent(probability), numeric: true },
    {
      title: "What of it",
      cell: ({ entry, rejected_by }) =>
        entry === entry_id ? <Badge tone="good">given</Badge> : (rejected_by?.replaceAll("_", " ") ?? ""),
    },
  ];
  const away = (): void => {
    onClose();
    if (entry_id !== null) purge({ entry_id, tenant });
  };
  return (
    <Dialog title="Why it was answered by meaning" onClose={onClose}>
      <div class="dialog-body">
        <Facts
          of={[
            ["Request", <RequestLink key="id" tenant={tenant} id={id} />],
            ["Tenant", tenant],
            ["Tier", tier],
            ["Entry", <code key="entry">{entry_id ?? "–"}</code>],
            ["Needed", threshold === null ? null : `right with ${percent(threshold)} at the least`],
          ]}
        />
        <Table label="Entries looked at" columns={columns} rows={candidates} keyOf={({ entry }) => entry} />
      </div>
      <footer>
        {entry_id === null ? null : (
          <Button kind="danger" onClick={away}>
            Purge this entry…
          </Button>
        )}
        <Button onClick={onClose}>Close</Button>
      </footer>
    </Dialog>
  );
}

export function shortId(id: string | null): string {
  return id === null ? "–" : id.slice(0, 12);
}
