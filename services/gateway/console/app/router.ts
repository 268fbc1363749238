/** Which page is shown: the path below /console, by the browser's own history. */
import { createStore, useStore } from "./store.ts";

export type Place = {
  /** The path's steps below /console: `["requests", "req_1"]`; none is the overview. */
  readonly steps: readonly string[];
  readonly query: URLSearchParams;
};

const BASE = "/console";

const place = createStore(placeNow());
window.addEventListener("popstate", () => place.set(placeNow()));

function placeNow(): Place {
  const steps = location.pathname
    .slice(BASE.length)
    .split("/")
    .filter((step) => step !== "");
  return { steps: steps.map(readable), query: new URLSearchParams(location.search) };
}

function readable(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

export function usePlace(): Place {
  return useStore(place);
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The address of a page: `hrefOf(["requests", id], { tenant })`. What is undefined or empty in the query is left out. */
export function hrefOf(steps: readonly string[], query: Query = {}): string {
  const path = [BASE, ...steps.map(encodeURIComponent)].join("/");
  const text = queryText(query);
  return text === "" ? path : `${path}?${text}`;
}

/** For an address or an API's path, without the question mark. */
export function queryText(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]],
  );
  return new URLSearchParams(given).toString();
}

/** @param href from `hrefOf`. @param replace for a change that is no step of its own, such as a filter. */
export function go(href: string, replace = false): void {
  if (replace) history.replaceState(null, "", href);
  else {
    history.pushState(null, "", href);
    window.scrollTo(0, 0);
  }
  place.set(placeNow());
}

/** Sets parts of the query of the page that is shown; undefined takes one away. */
export function setQuery(changes: Query): void {
  const { steps, query } = place.get();
  go(hrefOf(steps, { ...Object.fromEntries(query), ...changes }), true);
}

/** For `<a>`: a plain click stays in the page; the others are the browser's. */
export function followLink(event: MouseEvent & { readonly currentTarget: HTMLAnchorElement }): void {
  const { currentTarget: link } = event;
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  if (link.origin !== location.origin || link.target !== "") return;
  event.preventDefault();
  go(link.pathname + link.search);
}
