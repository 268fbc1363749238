/** Metrics of tenants, bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Counter, Registry } from "prom-client";
import { forgetTenant, TenantLabels } from "../../../../libs/shared/metrics/tenant-labels.ts";

test("who has lost its label is shown no more, and the others stay", async () => {
  const requests = new Counter({
    name: "n_total",
    help: "n",
    labelNames: ["tenant", "status"],
    registers: [new Registry()],
  });
  const forgetting: Promise<void>[] = [];
  const tenants = new TenantLabels(1, (tenant) => forgetting.push(forgetTenant(requests, tenant)));
  const add = (tenant: string, used: number, status: string): void =>
    requests.inc({ tenant: tenants.of(tenant, used), status });
  add("a", 2, "succeeded");
  add("a", 1, "failed");
  add("b", 1, "failed");
  add("b", 5, "succeeded");
  await Promise.all(forgetting);
  const shown = (await requests.get()).values.map(({ labels, value }) => [labels.tenant, labels.status, value]);
  assert.deepEqual(shown, [
    ["other", "failed", 1],
    ["b", "succeeded", 1],
  ]);
  assert.deepEqual([...tenants.labelled], ["b"]);
});
