/** From page to page of a list with cursors: on by the API's `next`, back by the cursors that were passed. */
import { useEffect, useState } from "preact/hooks";
import { Button } from "./fields.tsx";

export type Paging = {
  /** Of the page that is shown; undefined: the first. */
  readonly after: string | undefined;
  readonly page: number;
  next(cursor: string): void;
  back(): void;
};

/** @param of what the list is of: when it changes, the first page is shown again. */
export function usePaging(of: string): Paging {
  const [passed, setPassed] = useState<{ readonly of: string; readonly cursors: readonly string[] }>({
    of,
    cursors: [],
  });
  useEffect(() => setPassed((last) => (last.of === of ? last : { of, cursors: [] })), [of]);
  const cursors = passed.of === of ? passed.cursors : [];
  return {
    after: cursors.at(-1),
    page: cursors.length + 1,
    next: (cursor) => setPassed({ of, cursors: [...cursors, cursor] }),
    back: () => setPassed({ of, cursors: cursors.slice(0, -1) }),
  };
}

type PagerProps = {
  readonly paging: Paging;
  /** Of the page behind; null or undefined where there is none. */
  readonly next: string | null | undefined;
};

export function Pager({ paging, next }: PagerProps) {
  if (paging.page === 1 && next == null) return null;
  return (
    <nav class="pager" aria-label="Pages of the list">
      <Button disabled={paging.page === 1} onClick={paging.back}>
        ← Newer
      </Button>
      <span>Page {paging.page}</span>
      <Button disabled={next == null} onClick={() => next != null && paging.next(next)}>
        Older →
      </Button>
    </nav>
  );
}
