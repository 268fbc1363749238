/** Redriving and dropping dead letters: what would become of each, and the way to go on. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { count } from "../format.ts";
import { Dialog } from "../ui/dialog.tsx";
import { DryRun } from "../ui/dry-run.tsx";
import { Button, CheckField, TextField } from "../ui/fields.tsx";
import { Facts } from "../ui/panel.tsx";
import { toast } from "../ui/toast.tsx";

export type Filter = {
  readonly code?: string;
  readonly service?: string;
  readonly topic?: string;
  readonly ids?: readonly string[];
  readonly places?: readonly string[];
};

export type Asked = { readonly act: "redrive" | "drop"; readonly filter: Filter; readonly what: string };

type Summary = {
  readonly selected: number;
  readonly stopped: boolean;
  /** Of a redrive. */
  readonly sent_back?: number;
  readonly run?: number;
  readonly by_target?: Readonly<Record<string, number>>;
  readonly looped?: number;
  readonly already_ended?: number;
  readonly impossible?: number;
  /** Of a drop. */
  readonly dropped?: number;
};

type ActProps = { readonly asked: Asked; readonly started: () => void; readonly onClose: () => void };

export function ActDialog({ asked, started, onClose }: ActProps) {
  const [why, setWhy] = useState("");
  const [force, setForce] = useState(false);
  const [rate, setRate] = useState("");
  const [ready, setReady] = useState(false);
  const is_drop = asked.act === "drop";
  const title = `${is_drop ? "Drop" : "Redrive"} ${asked.what}`;
  if (!ready) {
    return (
      <Dialog title={title} onClose={onClose}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            setReady(true);
          }}
        >
          <div class="dialog-body">
            <p>
              {is_drop
                ? "Dropped letters are left where they are and never redriven. The reason is kept with them."
                : "Letters go on where they stopped, or are run once more where their request has failed."}
            </p>
            <TextField
              label={is_drop ? "Why they can go" : "Why (kept with them)"}
              value={why}
              onChange={setWhy}
              autofocus
            />
            {is_drop ? null : (
              <>
                <TextField label="At most so many a second" type="number" value={rate} onChange={setRate} />
                <CheckField label="Also those that came back too often" checked={force} onChange={setForce} />
              </>
            )}
          </div>
          <footer>
            <Button onClick={onClose}>Keep as it is</Button>
            <Button kind="main" type="submit" disabled={is_drop && why.trim() === ""}>
              See what would happen
            </Button>
          </footer>
        </form>
      </Dialog>
    );
  }
  const reason = why.trim() === "" ? {} : { why: why.trim() };
  const options = is_drop
    ? {}
    : { ...(force ? { force } : {}), ...(Number(rate) > 0 ? { rate_per_s: Number(rate) } : {}) };
  const body = { act: asked.act, filter: asked.filter, ...reason, ...options };
  const send = <T,>(dry_run: boolean) =>
    api<T>("/admin/dead-letters/run", { method: "POST", body: { ...body, dry_run } });
  return (
    <DryRun
      title={title}
      look={() => send<{ readonly summary: Summary }>(true)}
      act={({ summary }) => {
        const number = actedOn(summary);
        return number === 0 ? undefined : `${is_drop ? "Drop" : "Redrive"} ${letters(number)}`;
      }}
      onConfirm={async () => {
        await send(false);
        toast(is_drop ? "They are being dropped" : "They are on their way");
        started();
      }}
      onClose={onClose}
    >
      {({ summary }) => <Would summary={summary} is_drop={is_drop} />}
    </DryRun>
  );
}

function Would({ summary, is_drop }: { readonly summary: Summary; readonly is_drop: boolean }) {
  const number = actedOn(summary);
  const some = (value: number | undefined): string | null =>
    value === undefined || value === 0 ? null : letters(value);
  return (
    <>
      <p>
        <strong>
          {summary.stopped ? "At least " : ""}
          {letters(number)}
        </strong>{" "}
        of {count(summary.selected)} waiting would be {is_drop ? "dropped" : "redriven"}.
      </p>
      <Facts
        of={[
          ["Go on their way", some(summary.sent_back)],
          ["Are run once more", some(summary.run)],
          ["Came back too often", some(summary.looped)],
          ["Ended well already", some(summary.already_ended)],
          ["Cannot be redriven", some(summary.impossible)],
          ...Object.entries(summary.by_target ?? {}).map(([target, to]) => [`To ${target}`, letters(to)] as const),
        ]}
      />
    </>
  );
}

function actedOn({ sent_back = 0, run = 0, dropped = 0 }: Summary): number {
  return sent_back + run + dropped;
}

function letters(number: number): string {
  return `${count(number)} ${number === 1 ? "letter" : "letters"}`;
}
