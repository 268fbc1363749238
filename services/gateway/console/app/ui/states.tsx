/** What stands where data are to be: they are on their way, there are none, or they cannot be had. */
import type { ComponentChildren } from "preact";
import type { ApiFailure } from "../api.ts";
import type { Polled } from "../poll.ts";
import { Button } from "./fields.tsx";

/** @param lines as high as what will be there, so that nothing jumps. */
export function Loading({ lines = 6 }: { readonly lines?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} class={`bone bone-${at % 3}`} />
      ))}
    </div>
  );
}

export function Failed({ error, retry }: { readonly error: ApiFailure; readonly retry?: () => void }) {
  return (
    <div class="failed" role="alert">
      <strong>{error.status === 404 ? "Not found" : error.status === 403 ? "Not allowed" : "That did not work"}</strong>
      <p>{error.message}</p>
      {retry === undefined ? null : <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

type LoadedProps<T> = {
  readonly of: Polled<T>;
  readonly lines?: number;
  readonly children: (data: T) => ComponentChildren;
};

/** The data once they are there; what was there stays while a later try fails, with a line that says so. */
export function Loaded<T>({ of, lines, children }: LoadedProps<T>) {
  const { data, error, refresh } = of;
  if (data === undefined) {
    return error === undefined ? (
      <Loading {...(lines === undefined ? {} : { lines })} />
    ) : (
      <Failed error={error} retry={refresh} />
    );
  }
  return (
    <>
      {error === undefined ? null : (
        <p class="stale" role="status">
          As it was before: {error.message}
        </p>
      )}
      {children(data)}
    </>
  );
}
