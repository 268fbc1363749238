/** Rows under named columns; on a phone each row is a card. */
import type { ComponentChildren } from "preact";
import { followLink } from "../router.ts";

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Aligned at the right, in figures of one width. */
  readonly numeric?: boolean;
  /** One line, cut at the end; the whole is to be in a title. */
  readonly clip?: boolean;
  /** Not shown on a phone. */
  readonly wide?: boolean;
};

type TableProps<Row> = {
  /** Says what the rows are, for those who do not see the page. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** The page of a row; the first column becomes the link to it, and a click anywhere on the row follows it. */
  readonly hrefOf?: (row: Row) => string;
  /** Shown in place of rows where there is none. */
  readonly empty?: ComponentChildren;
};

export function Table<Row>({ label, columns, rows, keyOf, hrefOf, empty }: TableProps<Row>) {
  if (rows.length === 0 && empty !== undefined) return <div class="empty">{empty}</div>;
  return (
    <div class="table-frame">
      <table class={hrefOf === undefined ? "table" : "table opens"} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} onClick={hrefOf === undefined ? undefined : openRow}>
              {columns.map((column, at) => (
                <td key={column.title} data-label={column.title} class={classOf(column)}>
                  {at === 0 && hrefOf !== undefined ? (
                    <a href={hrefOf(row)} class="row-link" onClick={followLink}>
                      {column.cell(row)}
                    </a>
                  ) : (
                    column.cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf<Row>({ numeric, clip, wide }: Column<Row>): string | undefined {
  const names = [numeric ? "number" : "", clip ? "clip" : "", wide ? "wide" : ""].filter((name) => name !== "");
  return names.length === 0 ? undefined : names.join(" ");
}

/** Wherever on the row; not where something else was meant, or text is being marked. */
function openRow(event: MouseEvent & { readonly currentTarget: HTMLElement }): void {
  const { target, currentTarget } = event;
  if (!(target instanceof Element) || target.closest("a,button,input,select,label") !== null) return;
  if (getSelection()?.isCollapsed === false) return;
  currentTarget.querySelector<HTMLAnchorElement>("a.row-link")?.click();
}
