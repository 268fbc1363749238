/**
 * Callers that go away before their result is there. As settings and the header `x-sluice-on-disconnect` say, the request is then
 * cancelled or runs to its end, where its result waits for whoever asks. A request that several wait for, by one idempotency key, is
 * cancelled when the last of them here has gone, and none of them wanted it finished.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { controlRecord } from "../../libs/shared/events/control.ts";
import type { Caller } from "./keys.ts";
import type { RequestDeps } from "./requests.ts";
import { sendProblem } from "./sending.ts";

export type OnDisconnect = "cancel" | "finish";

export const ON_DISCONNECT_HEADER = "x-sluice-on-disconnect";

/** What the caller wants, else what is set; undefined when it says something else, and was told so. */
export function onDisconnect(http: FastifyRequest, set: OnDisconnect, reply: FastifyReply): OnDisconnect | undefined {
  const given = http.headers[ON_DISCONNECT_HEADER];
  if (given === undefined) return set;
  if (given === "cancel" || given === "finish") return given;
  const message = `${ON_DISCONNECT_HEADER}: must be cancel or finish`;
  sendProblem(reply, { param: ON_DISCONNECT_HEADER, message });
  return undefined;
}

type Company = { count: number; finish: boolean };

/** Who waits for which request in this process. Pure but for its own map, which holds no more than there are callers. */
export class WaitingCompany {
  readonly #by_request = new Map<string, Company>();

  join(tenant: string, id: string, wants: OnDisconnect): { leave(): "last_to_cancel" | "others_or_finish" } {
    const name = `${tenant} ${id}`;
    const company = this.#by_request.get(name) ?? { count: 0, finish: false };
    this.#by_request.set(name, company);
    company.count += 1;
    company.finish ||= wants === "finish";
    let left = false;
    return {
      leave: () => {
        if (left) return "others_or_finish";
        left = true;
        company.count -= 1;
        if (company.count > 0) return "others_or_finish";
        this.#by_request.delete(name);
        return company.finish ? "others_or_finish" : "last_to_cancel";
      },
    };
  }
}

/** From now until `done` somebody waits for the request; `gone` is called if it leaves before. */
export function attend(
  deps: Pick<RequestDeps, "codec" | "names" | "publisher" | "clock" | "log">,
  company: WaitingCompany,
  { tenant, key_id }: Caller,
  of: { readonly id: string; readonly wants: OnDisconnect; readonly reply: FastifyReply; readonly gone: () => void },
): { done(): void } {
  const { id, wants, reply, gone } = of;
  const place = company.join(tenant, id, wants);
  const onClose = (): void => {
    if (reply.raw.writableFinished) {
      place.leave();
      return;
    }
    gone();
    if (place.leave() === "others_or_finish") return;
    const event = { kind: "cancel", tenant, id, at_ms: deps.clock.now_ms(), by: key_id } as const;
    // Nobody is left to be told: what cannot be cancelled runs to its end.
    deps.publisher
      .publish([controlRecord(deps.codec, deps.names.control, event)])
      .catch((error: unknown) => deps.log.debug({ error }, "a request whose caller has gone could not be cancelled"));
  };
  if (reply.raw.destroyed) onClose();
  else reply.raw.once("close", onClose);
  return {
    done() {
      reply.raw.off("close", onClose);
      place.leave();
    },
  };
}
