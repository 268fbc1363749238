/** Starting a rollout: what changes, for how many. */
import { useState } from "preact/hooks";
import { ApiFailure, api } from "../api.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Button, CheckField, SelectField, TextField } from "../ui/fields.tsx";
import { toast, toastFailure } from "../ui/toast.tsx";
import type { Tier } from "./routing.tsx";

type StartProps = { readonly tiers: readonly Tier[]; readonly started: () => void; readonly onClose: () => void };

const KINDS = [
  { value: "model", text: "a tier's model" },
  { value: "prompt", text: "a tier's prompt" },
  { value: "policy", text: "the complexity policy" },
];

export function StartRollout({ tiers, started, onClose }: StartProps) {
  const chat = tiers.filter(({ kind }) => kind !== null);
  const [name, setName] = useState("");
  const [of, setOf] = useState("model");
  const [tier, setTier] = useState(chat[0]?.name ?? "");
  const [to, setTo] = useState("");
  const [percent, setPercent] = useState("");
  const [manual, setManual] = useState(false);
  const [wrong, setWrong] = useState<ApiFailure | undefined>(undefined);
  const own = chat.find((one) => one.name === tier);
  const choices = of === "model" ? (own?.models.map(({ model }) => model) ?? []) : (own?.prompts ?? []);
  const chosen = of === "policy" || choices.includes(to) ? to : (choices.at(-1) ?? "");
  const change = of === "policy" ? { of, policy_file: to } : { of, tier, [of]: chosen };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setWrong(undefined);
    try {
      const part = Number(percent) > 0 ? { percent: Number(percent) } : {};
      await api("/admin/rollouts", { method: "POST", body: { name, change, manual, ...part } });
      toast(`${name} is started`);
      started();
      onClose();
    } catch (error) {
      if (error instanceof ApiFailure) setWrong(error);
      toastFailure(error);
    }
  };
  const error = (param: string) => (wrong?.param === param ? { error: wrong.message } : {});
  return (
    <Dialog title="Start a rollout" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div class="dialog-body">
          <TextField
            label="Name"
            value={name}
            onChange={setName}
            hint="Lower-case letters, digits, - or _"
            autofocus
            {...error("name")}
          />
          <SelectField label="What changes" value={of} onChange={setOf} options={KINDS} />
          {of === "policy" ? (
            <TextField
              label="Policy file, at the same path for every router"
              value={to}
              onChange={setTo}
              mono
              {...error("change")}
            />
          ) : (
            <>
              <SelectField label="Tier" value={tier} onChange={setTier} options={chat.map((one) => one.name)} />
              <SelectField
                label={of === "model" ? "Model to be called first" : "Prompt"}
                value={chosen}
                onChange={setTo}
                options={choices}
                {...error("change")}
              />
            </>
          )}
          <TextField
            label="Per cent of the requests"
            type="number"
            value={percent}
            onChange={setPercent}
            hint="Left out: the first stage of the settings"
            {...error("percent")}
          />
          <CheckField label="Moved by hand alone" checked={manual} onChange={setManual} />
        </div>
        <footer>
          <Button onClick={onClose}>Keep as it is</Button>
          <Button kind="main" type="submit" disabled={name === "" || (of === "policy" ? to === "" : chosen === "")}>
            Start
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
