/** `GET /v1/me`: whose key it is and what it may do, for any key. */
import { z } from "zod";
import { keyScope } from "../../../libs/shared/events/tenants.ts";
import type { KeyRing } from "../keys.ts";
import { callerOf, documented, type Routes } from "../route.ts";

export type MeRoutesDeps = { readonly keys: KeyRing };

const meSchema = z.object({
  object: z.literal("me"),
  tenant: z.string(),
  scopes: z.array(keyScope),
  key_id: z.string().describe("The public part of the key"),
});

export function meRoutes({ keys }: MeRoutesDeps): Routes {
  const doc = documented({
    summary: "Whose key this is",
    tag: "Keys",
    scope: "any",
    replies: { 200: { what: "The key's tenant, and what the key may do", json: meSchema } },
  });
  return (app) => {
    app.get("/v1/me", doc, async (http, reply) => {
      const caller = callerOf(keys, http, "any", reply);
      if (caller === undefined) return reply;
      const { tenant, scopes, key_id } = caller;
      return reply.send({ object: "me", tenant, scopes: [...scopes], key_id } satisfies z.infer<typeof meSchema>);
    });
  };
}
