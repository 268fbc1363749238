/** What the scaler says to whoever asks it: `GET /desired`. Pure. */
import type { ScaleReason, ScaleTarget } from "./contract.ts";

/** A target's last decision, and the load that it was made from. */
export type DesiredTarget = ScaleTarget & {
  readonly replicas: number;
  readonly desired: number;
  readonly wanted: number;
  readonly reason: ScaleReason;
  readonly why: string;
  readonly load: {
    readonly lag_records: number;
    readonly oldest_age_ms: number;
    readonly arrivals_per_s: number;
    readonly utilisation: number;
  };
};

export type Desired = {
  /** Epoch ms of the decision. */
  readonly at_ms: number;
  /** Why nothing has been decided since; until it can be again, what was desired holds. */
  readonly held?: string;
  readonly targets: readonly DesiredTarget[];
};

export type DesiredReply = { readonly status: number; readonly body: object };

/**
 * `/desired` is all of it; `/desired/<service>` and `/desired/<service>/<tier>` are `{desired}` for KEDA's metrics-api scaler.
 * @param known undefined until something was decided: 503, so that who asks keeps what it has.
 * @returns undefined for another path.
 */
export function answerDesired(path: string, known: Desired | undefined): DesiredReply | undefined {
  const [root, service, tier, ...rest] = path.split("/").slice(1).map(decoded);
  if (root !== "desired" || rest.length > 0) return undefined;
  if (known === undefined) return { status: 503, body: { error: "nothing is decided yet" } };
  if (service === undefined || service === "") return { status: 200, body: known };
  const found = known.targets.find((one) => one.service === service && one.tier === (tier || undefined));
  if (found === undefined) return { status: 404, body: { error: unknownTarget(known) } };
  return { status: 200, body: { desired: found.desired } };
}

function unknownTarget({ targets }: Desired): string {
  const names = targets.map(({ service, tier }) => (tier === undefined ? service : `${service}/${tier}`));
  return `no such target; there are ${names.join(", ")}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
