/** A new replay: which requests, how they are run, and what it may do beside writing Results. */
import { useState } from "preact/hooks";
import { ApiFailure, api } from "../api.ts";
import { usePoll } from "../poll.ts";
import { go, hrefOf } from "../router.ts";
import { Button, CheckField, SelectField, TextField } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { PageHead, Panel } from "../ui/panel.tsx";
import { toast, toastFailure } from "../ui/toast.tsx";
import type { Replay } from "./replay-view.ts";

const MODES = [
  { value: "reuse", text: "reuse what is recorded: no calls" },
  { value: "recompute", text: "recompute: the same tier and model, called again" },
  { value: "shadow", text: "shadow: another tier, model or settings file" },
  { value: "what-if", text: "what if: decide by other settings, without calls" },
  { value: "stage", text: "stage: send a service its input again" },
];
const STAGES = ["ingest", "router", "inference", "results"];
const STATUSES = ["", "succeeded", "rejected", "failed", "cancelled", "expired"].map((value) => {
  return { value, text: value === "" ? "any" : value };
});
const SETTINGS_BYTES_MAX = 200_000;

const EMPTY = {
  ...{ mode: "reuse", stage: "results", topic: "", from: "", to: "", ids: "", tenant: "", status: "", of_tier: "" },
  ...{ error_code: "", limit: "", rate: "", tier: "", model: "", budget: "" },
};
type Fields = typeof EMPTY;
type File = { readonly name: string; readonly yaml: string };

export function NewReplay() {
  const [fields, setFields] = useState<Fields>(EMPTY);
  const [effects, setEffects] = useState({ webhooks: false, charge: false, fill_cache: false });
  const [settings, setSettings] = useState<File | undefined>(undefined);
  const [wrong, setWrong] = useState<ApiFailure | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const routing = usePoll<{ readonly tiers: readonly { readonly name: string }[] }>("/admin/routing");
  const { mode } = fields;
  const set = (name: keyof Fields) => (value: string) => setFields({ ...fields, [name]: value });
  const problem = (param: string) => (wrong?.param === param ? { error: wrong.message } : {});
  const text = (
    name: keyof Fields,
    label: string,
    param: string,
    more: { readonly hint?: string; readonly mono?: boolean } = {},
  ) => <TextField label={label} value={fields[name]} onChange={set(name)} {...problem(param)} {...more} />;
  const names = routing.data?.tiers.map(({ name }) => name) ?? [];
  const tiers = [{ value: "", text: "any" }, ...names];
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setWrong(undefined);
    try {
      const made = await api<Replay>("/admin/replays", { method: "POST", body: bodyOf(fields, effects, settings) });
      toast("It is being previewed; nothing runs before you start it");
      go(hrefOf(["replays", made.id]));
    } catch (error) {
      if (error instanceof ApiFailure) setWrong(error);
      toastFailure(error);
      setBusy(false);
    }
  };
  return (
    <>
      <PageHead title="New replay" side={<Link href={hrefOf(["replays"])}>All replays</Link>} />
      <form class="stacked" onSubmit={(event) => void submit(event)}>
        <Panel title="How they are run">
          <div class="filters">
            <div class="broad">
              <SelectField label="Mode" value={mode} onChange={set("mode")} options={MODES} />
            </div>
            {mode === "stage" ? (
              <SelectField label="Service" value={fields.stage} onChange={set("stage")} options={STAGES} />
            ) : null}
            {mode === "shadow" ? (
              <>
                <SelectField
                  label="To the tier (or to a model, or by a file)"
                  value={fields.tier}
                  onChange={set("tier")}
                  options={tiers}
                  {...problem("spec.tier")}
                />
                {text("model", "To the model", "spec.model", { mono: true })}
              </>
            ) : null}
            {mode === "shadow" || mode === "what-if" ? (
              <SettingsFile chosen={settings} choose={setSettings} {...problem("spec.settings")} />
            ) : null}
            {mode === "recompute" || mode === "shadow" ? (
              <TextField
                label="Budget in US dollars"
                type="number"
                value={fields.budget}
                onChange={set("budget")}
                hint="It pauses when this is used up"
              />
            ) : null}
            <TextField label="At most so many a second" type="number" value={fields.rate} onChange={set("rate")} />
          </div>
        </Panel>
        <Panel title="Which requests">
          <div class="filters">
            <div class="broad">
              <TextField
                label="From"
                type="datetime-local"
                value={fields.from}
                onChange={set("from")}
                {...problem("spec.selection.from_ms")}
              />
            </div>
            <div class="broad">
              <TextField
                label="To"
                type="datetime-local"
                value={fields.to}
                onChange={set("to")}
                {...problem("spec.selection.to_ms")}
              />
            </div>
            {text("tenant", "Tenant", "spec.selection.tenant")}
            <SelectField label="Ended" value={fields.status} onChange={set("status")} options={STATUSES} />
            <SelectField
              label="Answered by the tier"
              value={fields.of_tier}
              onChange={set("of_tier")}
              options={tiers}
            />
            {text("error_code", "Error code", "spec.selection.error_code", { mono: true })}
            {text("ids", "Ids, with commas", "spec.selection.ids", { mono: true })}
            {text("topic", "Topic", "spec.selection.topic", {
              mono: true,
              hint: "Left out: requests, or the stage's input",
            })}
            <TextField label="At most so many" type="number" value={fields.limit} onChange={set("limit")} />
          </div>
        </Panel>
        <Panel title="What it may do beside writing its results">
          <div class="row">
            <CheckField
              label="Call webhooks"
              checked={effects.webhooks}
              onChange={(webhooks) => setEffects({ ...effects, webhooks })}
            />
            <CheckField
              label="Charge the tenants"
              checked={effects.charge}
              onChange={(charge) => setEffects({ ...effects, charge })}
            />
            <CheckField
              label="Fill the cache"
              checked={effects.fill_cache}
              onChange={(fill_cache) => setEffects({ ...effects, fill_cache })}
            />
          </div>
        </Panel>
        <div class="row">
          <Button kind="main" type="submit" disabled={busy}>
            Preview
          </Button>
          <span class="quiet">A preview reads and calls nothing; you see what it would cost before you start it.</span>
        </div>
      </form>
    </>
  );
}

type SettingsProps = {
  readonly chosen: File | undefined;
  readonly choose: (file: File | undefined) => void;
  readonly error?: string;
};

function SettingsFile({ chosen, choose, error }: SettingsProps) {
  const read = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0];
    if (file === undefined) return choose(undefined);
    if (file.size > SETTINGS_BYTES_MAX) return toastFailure(new Error("The settings file is too large."));
    choose({ name: file.name, yaml: await file.text() });
  };
  return (
    <div class="field">
      <label for="settings-file">Settings file (sluice.yaml)</label>
      <input
        id="settings-file"
        type="file"
        accept=".yaml,.yml"
        onChange={(event) => void read(event.currentTarget)}
        aria-invalid={error === undefined ? undefined : true}
      />
      {error === undefined ? <span class="hint">{chosen?.name ?? "\u00a0"}</span> : <span class="wrong">{error}</span>}
    </div>
  );
}

function bodyOf(fields: Fields, effects: Readonly<Record<string, boolean>>, settings: File | undefined): object {
  const { mode, stage, topic, from, to, ids, tenant, status, of_tier, error_code, limit, rate, tier, model, budget } =
    fields;
  const some = (name: string, value: unknown): object =>
    value === "" || value === undefined || (typeof value === "number" && !(value > 0)) ? {} : { [name]: value };
  const list = (text: string): string[] | undefined => {
    const parts = text.split(",").map((part) => part.trim());
    return text.trim() === "" ? undefined : parts.filter((part) => part !== "");
  };
  const moment = (text: string): number | undefined => (text === "" ? undefined : new Date(text).getTime());
  const is_shadow = mode === "shadow";
  const selection = {
    ...{ ...some("topic", topic.trim()), ...some("from_ms", moment(from)), ...some("to_ms", moment(to)) },
    ...{ ...some("tenant", tenant.trim()), ...some("ids", list(ids)), ...some("error_code", list(error_code)) },
    ...some("status", status === "" ? undefined : [status]),
    ...some("tier", of_tier === "" ? undefined : [of_tier]),
    ...some("limit", Number(limit)),
  };
  const spec = {
    mode,
    selection,
    ...(mode === "stage" ? { stage } : {}),
    ...(is_shadow ? { ...some("tier", tier), ...some("model", model.trim()) } : {}),
    ...(is_shadow || mode === "what-if" ? some("settings", settings) : {}),
    ...some("rate_per_s", Number(rate)),
    ...Object.fromEntries(Object.entries(effects).filter(([, wanted]) => wanted)),
  };
  return { spec, ...(is_shadow || mode === "recompute" ? some("budget_usd", Number(budget)) : {}) };
}
