/** The scaler's metrics: all are of what stands, so that every scaler tells the same. */
import { Gauge, type Registry } from "prom-client";
import type { Standing } from "./standing.ts";

export function observeStanding(registry: Registry, standing: () => Standing | undefined, leads: () => boolean): void {
  const registers = [registry];
  new Gauge({
    name: "sluice_desired_replicas",
    help: "Replicas that a service should have; of inference by tier where workers serve single ones",
    // Here the label names what is scaled, not the scaler.
    labelNames: ["service", "tier"],
    registers,
    collect() {
      this.reset();
      for (const { service, tier, desired } of standing()?.targets ?? []) {
        this.set(tier === undefined ? { service } : { service, tier }, desired);
      }
    },
  });
  new Gauge({
    name: "sluice_group_lag_records",
    help: "Records between what a group committed and the end of a topic",
    labelNames: ["group", "topic"],
    registers,
    collect() {
      this.reset();
      for (const { group, topic, lag } of standing()?.groups ?? []) this.set({ group, topic }, lag);
    },
  });
  new Gauge({
    name: "sluice_group_oldest_age_seconds",
    help: "Age of the oldest record that a group has not committed, delivered or not; 0 below a second",
    labelNames: ["group", "topic"],
    registers,
    collect() {
      this.reset();
      for (const { group, topic, oldest_age_ms } of standing()?.groups ?? []) {
        if (oldest_age_ms !== null) this.set({ group, topic }, oldest_age_ms / 1_000);
      }
    },
  });
  new Gauge({
    name: "sluice_group_members",
    help: "Members of a group",
    labelNames: ["group"],
    registers,
    collect() {
      this.reset();
      for (const [group, members] of Object.entries(standing()?.members ?? {})) this.set({ group }, members);
    },
  });
  new Gauge({
    name: "sluice_scaler_leads",
    help: "1 where this scaler decides, 0 where it stands by",
    registers,
    collect() {
      this.set(leads() ? 1 : 0);
    },
  });
  new Gauge({
    name: "sluice_scaler_held",
    help: "1 while nothing can be decided and what was desired holds",
    registers,
    collect() {
      this.set(standing()?.held === undefined ? 0 : 1);
    },
  });
}
