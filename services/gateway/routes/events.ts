/** Following a request as it goes: its states and tokens as server-sent events. */
import { z } from "zod";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import type { JobView } from "../../../libs/shared/redis/job-views.ts";
import { type RequestDeps, readView } from "../requests.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import type { SendEvents } from "../streams/contract.ts";

export type EventRoutesDeps = Pick<RequestDeps, "keys"> & { readonly events: SendEvents };

const DOC = documented({
  summary: "Follow a request",
  tag: "Requests",
  scope: "read",
  query: z.object({
    last_event_id: z.string().optional().describe("Goes on after this event; the header Last-Event-ID comes before it"),
  }),
  replies: {
    200: {
      what: "Its states and tokens as server-sent events, the last of them `ended` with the whole Result",
      type: "text/event-stream",
    },
    204: { what: "All of it was read: do not come back" },
    404: { what: "There is no such request" },
  },
});

export function eventRoutes({ keys, events }: EventRoutesDeps): Routes {
  return (app) => {
    app.get<{ Params: { id: string } }>(
      "/v1/requests/:id/events",
      // A HEAD would be a stream that sends nothing.
      { ...DOC, exposeHeadRoute: false },
      async (http, reply) => {
        const caller = callerOf(keys, http, "read", reply);
        if (caller === undefined) return reply;
        return events(http, reply, { tenant: caller.tenant, id: http.params.id, kind: "request" });
      },
    );
  };
}

/** For `EventsDeps.view`. Without a row, only Redis can tell an unfinished request from an unknown one: while it is away this rejects. */
export function followedView(deps: RequestDeps): (tenant: string, id: string) => Promise<JobView | undefined> {
  return async (tenant, id) =>
    (await readView(deps, tenant, id)) ?? (ID_PATTERN.test(id) ? deps.views.read(tenant, id) : undefined);
}
