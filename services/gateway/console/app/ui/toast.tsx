/** A word on what was done, at the foot of the page for some seconds; a failure stays until it is closed. */
import { createStore, useStore } from "../store.ts";

type Said = { readonly id: number; readonly text: string; readonly bad: boolean };

const SHOWN_MS = 5_000;
const SHOWN_MAX = 4;

const said = createStore<readonly Said[]>([]);
let last_id = 0;

export function toast(text: string, kind: "done" | "failed" = "done"): void {
  last_id += 1;
  const id = last_id;
  said.set([...said.get(), { id, text, bad: kind === "failed" }].slice(-SHOWN_MAX));
  if (kind === "done") setTimeout(() => close(id), SHOWN_MS);
}

/** Tells what went wrong, in the words of the failure. */
export function toastFailure(error: unknown): void {
  toast(error instanceof Error ? error.message : String(error), "failed");
}

function close(id: number): void {
  said.set(said.get().filter((one) => one.id !== id));
}

export function Toasts() {
  const all = useStore(said);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {all.map(({ id, text, bad }) => (
        <div key={id} class={bad ? "toast bad" : "toast"}>
          <span>{text}</span>
          <button type="button" class="icon" aria-label="Close" onClick={() => close(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
