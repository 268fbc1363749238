/** A dialog for what cannot be taken back: it finds out first what would happen, shows it, and then asks. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiFailure } from "../api.ts";
import { Confirm, Dialog } from "./dialog.tsx";
import { Button } from "./fields.tsx";
import { Failed, Loading } from "./states.tsx";

type DryRunProps<T> = {
  readonly title: string;
  /** Asks what would happen, and changes nothing. */
  readonly look: () => Promise<T>;
  /** What would happen, in words and figures. */
  readonly children: (found: T) => ComponentChildren;
  /** Of the button. Undefined: nothing would happen, so that there is nothing to ask. */
  readonly act: (found: T) => string | undefined;
  /** Must be typed first. */
  readonly word?: string;
  readonly onConfirm: (found: T) => Promise<unknown>;
  readonly onClose: () => void;
};

export function DryRun<T>({ title, look, children, act, word, onConfirm, onClose }: DryRunProps<T>) {
  const [found, setFound] = useState<{ readonly data?: T; readonly error?: ApiFailure }>({});
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let gone = false;
    setFound({});
    look().then(
      (data) => gone || setFound({ data }),
      (error) =>
        gone || setFound({ error: error instanceof ApiFailure ? error : new ApiFailure(0, "error", String(error)) }),
    );
    return () => {
      gone = true;
    };
    // What is looked for is fixed while the dialog is open.
  }, [tries]);
  const { data, error } = found;
  const button = data === undefined ? undefined : act(data);
  if (data !== undefined && button !== undefined) {
    return (
      <Confirm
        title={title}
        act={button}
        danger
        {...(word === undefined ? {} : { word })}
        onConfirm={() => onConfirm(data)}
        onClose={onClose}
      >
        {children(data)}
      </Confirm>
    );
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-body">
        {data !== undefined ? children(data) : null}
        {error === undefined ? null : <Failed error={error} retry={() => setTries(tries + 1)} />}
        {data === undefined && error === undefined ? (
          <>
            <p class="quiet">Finding out what would happen…</p>
            <Loading lines={3} />
          </>
        ) : null}
      </div>
      <footer>
        <Button onClick={onClose}>Close</Button>
      </footer>
    </Dialog>
  );
}
