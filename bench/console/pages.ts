/** Every page of the console, with what it shows once its data are there. */

export type ConsolePage = {
  readonly name: string;
  /** Below /console/. */
  readonly path: string;
  /** A selector of data: nothing of the page fits it before they are there. */
  readonly shows: string;
  /** Whose key opens it. */
  readonly by: "admin" | "tenant";
};

/** Ids of what was made for the pages to show. */
export type Shown = {
  readonly request: string;
  readonly batch: string;
  readonly replay: string;
  readonly rollout: string;
};

export const OVERVIEW: ConsolePage = { name: "overview", path: "", shows: ".uplot canvas", by: "admin" };

export function pagesOf({ request, batch, replay, rollout }: Shown): readonly ConsolePage[] {
  const admin = (name: string, path: string, shows: string): ConsolePage => ({ name, path, shows, by: "admin" });
  const rows = (label: string): string => `table[aria-label="${label}"] tbody tr`;
  return [
    OVERVIEW,
    admin("requests", "requests", rows("Requests")),
    admin("requests by tenant", "requests?tenant=demo&status=succeeded", rows("Requests")),
    admin("request", `requests/demo/${request}`, ".timeline li"),
    admin("budgets", "budgets", rows("Budgets of demo")),
    admin("cache", "cache", rows("Hits by tenant")),
    admin("routing", "routing", rows("Reasons")),
    admin("rollout", `routing/rollouts/${rollout}`, rows("Both sides")),
    admin("jobs", "jobs", rows("Jobs")),
    admin("job", `jobs/${batch}?kind=batch`, ".stat-value"),
    admin("dead letters", "dead-letters", rows("Dead letters by reason")),
    admin("dead letters of a reason", "dead-letters?code=not_json", rows("Dead letters")),
    admin("replays", "replays", rows("Replays")),
    admin("replay", `replays/${replay}`, ".stat-value"),
    admin("new replay", "replays/new", "form"),
    admin("deliveries", "deliveries", rows("Deliveries")),
    { name: "requests, a tenant's", path: "requests", shows: rows("Requests"), by: "tenant" },
    { name: "usage, a tenant's", path: "usage", shows: rows("Usage by day"), by: "tenant" },
  ];
}
