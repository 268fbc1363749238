/** The router's figures. */
import { Counter, type Registry } from "prom-client";
import type { RouterEnd } from "./handler.ts";

export function observeRouting(metrics: Registry): (end: RouterEnd) => void {
  const registers = [metrics];
  const looked = new Counter({
    name: "sluice_cache_total",
    help: "Requests by what the cache said: exact, semantic, coalesced, miss, or bypass where it was not asked",
    labelNames: ["outcome"],
    registers,
  });
  const routed = new Counter({
    name: "sluice_routed_total",
    help: "Jobs by tier and by what decided it",
    labelNames: ["tier", "by"],
    registers,
  });
  return ({ cache, tier, by }) => {
    looked.inc({ outcome: cache });
    if (tier !== undefined) routed.inc({ tier, by: by ?? "" });
  };
}
