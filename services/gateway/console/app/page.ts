/**
 * What a page of the console is. To add one: a file under pages/ that exports its `Page`, and a line in `pages.ts`.
 *
 * A page's view asks the API by `usePoll(path, every_ms)` (poll.ts) or `api(path, …)` (api.ts), and draws with what is in ui/:
 * PageHead, Panel, Facts (panel.tsx); Loaded, Loading, Failed (states.tsx); Table (table.tsx); Stat, Stats (stat.tsx); Plot (plot.tsx);
 * Status, Badge (badge.tsx); Time (time.tsx); Meter (meter.tsx); Code, Copyable (code.tsx); Button, TextField, SelectField, CheckField
 * (fields.tsx); Dialog, Confirm (dialog.tsx; `word` for what cannot be taken back); toast, toastFailure (toast.tsx); usePaging, Pager
 * (pager.tsx); Link (link.tsx) to an address from `hrefOf` (router.ts). Numbers and durations: format.ts. `search` on a TextField makes
 * `/` go to it. Filters stand in the query of the address (`setQuery`), so that a view can be shared and gone back to.
 *
 * Styles stand in style.css alone; an element's `style` is for what is computed, such as the width of a bar.
 */
import type { ComponentType } from "preact";
import type { Me } from "./session.ts";

export type PageProps = {
  readonly me: Me;
  /** The path's steps behind the page's own: `["req_1"]` of /console/requests/req_1. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
};

export type Page = {
  /** The first step of its path; empty: the page that is shown first. */
  readonly path: string;
  readonly title: string;
  /** The letter after `g`, one for each page. */
  readonly letter: string;
  /** Who sees it: everybody, those whose key has the scope `admin`, or those whose key has not. */
  readonly for: "all" | "admin" | "tenant";
  readonly View: ComponentType<PageProps>;
};
