/** Dialogs over the page: the browser's own, so that focus stays inside and Escape closes. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, TextField } from "./fields.tsx";
import { toastFailure } from "./toast.tsx";

type DialogProps = {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
};

/** Shown for as long as it is drawn. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const from = document.activeElement;
    element.current?.showModal();
    return () => {
      if (from instanceof HTMLElement) from.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: by keys, Escape closes it
    <dialog
      ref={element}
      class="dialog"
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        // The backdrop belongs to the dialog; what is in it lies in a box of its own.
        if (event.target === element.current) onClose();
      }}
    >
      <div class="dialog-box">
        <header>
          <h2>{title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={onClose}>
            ×
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

type ConfirmProps = {
  readonly title: string;
  /** What will happen. */
  readonly children: ComponentChildren;
  /** Of the button: `Purge 12 entries`. */
  readonly act: string;
  readonly danger?: boolean;
  /** Must be typed first, for what cannot be taken back. */
  readonly word?: string;
  /** What it does. The dialog closes when it is done; a failure is told and leaves it open. */
  readonly onConfirm: () => Promise<unknown>;
  readonly onClose: () => void;
};

export function Confirm({ title, children, act, danger = false, word, onConfirm, onClose }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      toastFailure(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <div class="dialog-body">
          {children}
          {word === undefined ? null : (
            <TextField label={`Type ${word} to go on`} value={typed} onChange={setTyped} autofocus mono />
          )}
        </div>
        <footer>
          <Button onClick={onClose}>Keep as it is</Button>
          <Button
            kind={danger ? "danger" : "main"}
            type="submit"
            disabled={busy || (word !== undefined && typed.trim() !== word)}
          >
            {act}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
