/** Which route a request takes: exact paths by a map, `/v1/things/:id` by segments. Pure but for the handlers it names. */

import type { Exchange } from "./http.ts";

export type Route = {
  readonly method: "GET" | "POST" | "DELETE";
  /** A path; a segment `:name` matches any text and becomes a parameter. */
  readonly path: string;
  /** `open`: no key needed; `keyed`: an API key when the server has one; `model`: keyed, and its statuses are counted. */
  readonly access: "open" | "keyed" | "model";
  readonly handle: (exchange: Exchange) => void | Promise<void>;
};

export type Match = { readonly route: Route; readonly params: Readonly<Record<string, string>> };

const NO_PARAMS: Readonly<Record<string, string>> = {};

/** A function that finds the route, or says whether the path exists with another method. */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => Match | "method" | undefined {
  const exact = new Map<string, Match>();
  for (const route of routes) exact.set(`${route.method} ${route.path}`, { route, params: NO_PARAMS });
  return (method, path) => {
    const direct = exact.get(`${method} ${path}`);
    if (direct !== undefined) return direct;
    let known = false;
    for (const route of routes) {
      const params = matchPath(route.path, path);
      if (params === undefined) continue;
      if (route.method === method) return { route, params };
      known = true;
    }
    return known ? "method" : undefined;
  };
}

/** The parameters of a path that fits the pattern. */
function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const value = given[at] ?? "";
    if (segment.startsWith(":") && value !== "") params[segment.slice(1)] = value;
    else if (segment !== value) return undefined;
  }
  return params;
}
