/** Taking entries out of the cache: what is meant, what would go, and the word to go on. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { bytes, count } from "../format.ts";
import { DryRun } from "../ui/dry-run.tsx";
import { Button, CheckField, SelectField, TextField } from "../ui/fields.tsx";
import { Facts, Panel } from "../ui/panel.tsx";
import { toast } from "../ui/toast.tsx";

export type Selector = {
  readonly entry_id?: string;
  readonly tenant?: string;
  readonly namespace?: string;
  readonly pattern?: string;
  readonly older_than_s?: number;
  readonly all?: true;
  readonly why?: string;
};

type Plan = {
  readonly matched: number;
  readonly bytes: number;
  readonly partial: boolean;
  readonly tenants: readonly { readonly tenant: string; readonly entries: number }[];
  readonly samples: readonly { readonly entry_id: string; readonly question: string | null }[];
};

const AGES = [
  { value: "", text: "of any age" },
  { value: "3600", text: "older than an hour" },
  { value: "86400", text: "older than a day" },
  { value: "604800", text: "older than 7 days" },
];
const NONE = { tenant: "", namespace: "", pattern: "", entry_id: "", older_than_s: "", why: "" };

export function PurgePanel({ ask }: { readonly ask: (selector: Selector) => void }) {
  const [fields, setFields] = useState(NONE);
  const [all, setAll] = useState(false);
  const set = (name: keyof typeof NONE) => (value: string) => setFields({ ...fields, [name]: value.trimStart() });
  const { older_than_s, why, ...texts } = fields;
  const named = Object.fromEntries(Object.entries(texts).filter(([, text]) => text.trim() !== ""));
  const given = { ...named, ...(older_than_s === "" ? {} : { older_than_s: Number(older_than_s) }) };
  const names_some = Object.keys(given).length > 0;
  const submit = (event: Event): void => {
    event.preventDefault();
    const reason = why.trim() === "" ? {} : { why: why.trim() };
    ask({ ...(all ? { all: true } : given), ...reason });
  };
  return (
    <Panel title="Take entries out">
      <form class="stacked" onSubmit={submit}>
        <div class="filters">
          <TextField label="Tenant" value={fields.tenant} onChange={set("tenant")} />
          <TextField label="Namespace" value={fields.namespace} onChange={set("namespace")} />
          <TextField label="Entry" value={fields.entry_id} onChange={set("entry_id")} mono />
          <TextField label="Question holds (RE2)" value={fields.pattern} onChange={set("pattern")} mono />
          <SelectField label="Age" value={older_than_s} onChange={set("older_than_s")} options={AGES} />
          <TextField label="Why" value={why} onChange={set("why")} />
        </div>
        <div class="row">
          <CheckField label="Every entry of every tenant" checked={all} onChange={setAll} />
          <Button kind="danger" type="submit" disabled={all === names_some}>
            Purge…
          </Button>
        </div>
      </form>
    </Panel>
  );
}

type PurgeProps = { readonly selector: Selector; readonly onClose: () => void };

export function PurgeDialog({ selector, onClose }: PurgeProps) {
  const ask = (dry_run: boolean) => api<Plan>("/admin/cache/purge", { method: "POST", body: { ...selector, dry_run } });
  return (
    <DryRun
      title="Purge the cache"
      look={() => ask(true)}
      act={(plan) => (plan.matched === 0 ? undefined : `Purge ${entries(plan.matched)}`)}
      {...(selector.all === true ? { word: "purge" } : {})}
      onConfirm={async (plan) => {
        await ask(false);
        toast(`${entries(plan.matched)} told to go: routers answer from them no more`);
      }}
      onClose={onClose}
    >
      {(plan) => (
        <>
          {plan.matched === 0 ? (
            <p>No entry of the cache is meant.</p>
          ) : (
            <p>
              <strong>
                {plan.partial ? "At least " : ""}
                {entries(plan.matched)}
              </strong>{" "}
              ({bytes(plan.bytes)}) would go. What is made after this stays.
            </p>
          )}
          <Facts of={plan.tenants.slice(0, 8).map(({ tenant, entries: own }) => [tenant, entries(own)])} />
          {plan.samples.length === 0 ? null : (
            <ul class="samples">
              {plan.samples.map(({ entry_id, question }) => (
                <li key={entry_id}>
                  <code>{entry_id.slice(0, 12)}</code> {question ?? "(no question kept)"}
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </DryRun>
  );
}

function entries(number: number): string {
  return `${count(number)} ${number === 1 ? "entry" : "entries"}`;
}
