/**
 * An appeal: the same request again, of the next stronger tier. One Result stands for each id (I1), so an appeal is a request of its own,
 * `<id>.appeal`; everything in it follows from the first one, so that the same appeal twice is the same request. Pure.
 */
import { createHash } from "node:crypto";
import { ID_PATTERN } from "../events/fields.ts";
import type { Result } from "../events/flow.ts";
import type { Request } from "../events/request.ts";
import { type LadderSettings, ladderOf, tierAbove } from "../routing/ladder.ts";

export type AppealRefused = {
  readonly kind: "refused";
  /** As HTTP says it. */
  readonly status: 409 | 410;
  readonly code: "not_appealable" | "no_stronger_tier" | "request_gone";
  readonly message: string;
};

/** What an id may hold, as `ID_PATTERN` says. */
const ID_CHARS_MAX = 200;
const SUFFIX = ".appeal";
/** As OpenAI's metadata. */
const PAIRS_MAX = 16;

export function appealId(id: string): string {
  const own = `${id}${SUFFIX}`;
  if (own.length <= ID_CHARS_MAX && ID_PATTERN.test(own)) return own;
  return `${createHash("sha256").update(id).digest("hex")}${SUFFIX}`;
}

/** The tier that an appeal against the result goes to. */
export function appealTier(
  settings: LadderSettings,
  { status, route }: Pick<Result, "status" | "route">,
): { readonly kind: "tier"; readonly tier: string } | AppealRefused {
  if (status !== "succeeded" || route === undefined) {
    const message = `the request ended ${status}: there is no answer to appeal against; send it again under a new id`;
    return { kind: "refused", status: 409, code: "not_appealable", message };
  }
  const ladder = ladderOf(settings, "chat");
  const tier = tierAbove(ladder, route.tier);
  if (tier !== undefined) return { kind: "tier", tier };
  const message = `there is no tier above ${route.tier}; the tiers that an appeal can climb are ${ladder.join(", ")}`;
  return { kind: "refused", status: 409, code: "no_stronger_tier", message };
}

/**
 * @param original as it was sent. What says when or how often it may run is left out: its deadline has most likely passed, and its
 * idempotency key belongs to it alone.
 */
export function appealRequest(original: Request, id: string, tier: string): Request & { readonly id: string } {
  const { deadline: _deadline, idempotency_key: _key, ...rest } = original;
  const metadata = { ...original.metadata, appeal_of: id };
  // No room for another pair: the id tells it too.
  const kept = Object.keys(metadata).length > PAIRS_MAX ? original.metadata : metadata;
  return {
    ...rest,
    id: appealId(id),
    tier,
    cache: { mode: "bypass" },
    ...(kept === undefined ? {} : { metadata: kept }),
  };
}
