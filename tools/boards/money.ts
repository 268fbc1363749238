/** The board of money: who spends it, on what, how much is left, and what was paid for nothing? Pure. */
import { type Board, TENANT, TIER } from "./panels.ts";

const TIERS = `{tier=~"$tier"}`;
const TENANTS = `{tenant=~"$tenant"}`;

export const MONEY: Board = {
  uid: "sluice-money",
  title: "Sluice: Money",
  about: "Who spends it, on which tier, how much is left, and what was paid for nothing? docs/observability.md",
  variables: [TIER, TENANT],
  rows: [
    {
      title: "Over the time shown",
      height: 7,
      panels: [
        {
          title: "Spend by tier",
          kind: "bargauge",
          unit: "currencyUSD",
          queries: [[`sum by (tier) (increase(sluice_spend_usd_total${TIERS}[$__range]))`, "{{tier}}"]],
        },
        {
          title: "Spend by tenant",
          about: "The tenants that use most by name, the others as one",
          kind: "bargauge",
          unit: "currencyUSD",
          queries: [
            [`topk(10, sum by (tenant) (increase(sluice_tenant_spend_usd_total${TENANTS}[$__range])))`, "{{tenant}}"],
          ],
        },
        {
          title: "Left of budgets",
          kind: "bargauge",
          unit: "currencyUSD",
          queries: [[`bottomk(10, min by (tenant, scope) (sluice_budget_left_usd${TENANTS}))`, "{{tenant}} {{scope}}"]],
          bounds: [5, 1],
          below: true,
        },
      ],
    },
    {
      title: "Spend",
      panels: [
        {
          title: "Spend an hour by tier",
          unit: "currencyUSD",
          stack: true,
          queries: [[`3600 * sum by (tier) (rate(sluice_spend_usd_total${TIERS}[$__rate_interval]))`, "{{tier}}"]],
        },
        {
          title: "Spend an hour by tenant",
          unit: "currencyUSD",
          stack: true,
          queries: [
            [`3600 * sum by (tenant) (rate(sluice_tenant_spend_usd_total${TENANTS}[$__rate_interval]))`, "{{tenant}}"],
          ],
        },
        {
          title: "Spend for a thousand results",
          unit: "currencyUSD",
          queries: [
            [
              `1000 * sum(rate(sluice_spend_usd_total[$__rate_interval])) / (sum(rate(sluice_request_seconds_count[$__rate_interval])) > 0)`,
              "all tiers",
            ],
          ],
        },
      ],
    },
    {
      title: "Budgets",
      panels: [
        {
          title: "Left of budgets",
          unit: "currencyUSD",
          queries: [[`min by (tenant, scope) (sluice_budget_left_usd${TENANTS})`, "{{tenant}} {{scope}}"]],
        },
        {
          title: "Parts of caps that were reached",
          unit: "short",
          queries: [
            [
              "sum by (scope, threshold) (increase(sluice_budget_alerts_total[$__rate_interval]))",
              "{{scope}} {{threshold}}",
            ],
          ],
        },
        {
          title: "Tier lowered, or admitted without a budget",
          unit: "reqps",
          queries: [
            ["sum(rate(sluice_tier_lowered_total[$__rate_interval]))", "tier lowered"],
            ["sum(rate(sluice_unbudgeted_requests_total[$__rate_interval]))", "without a budget"],
          ],
        },
      ],
    },
    {
      title: "Paid for nothing, or counted wrongly",
      panels: [
        {
          title: "Duplicate spend an hour",
          about: "What calls may have cost whose answers were lost, beside the call that was answered",
          unit: "currencyUSD",
          queries: [["3600 * sum(rate(sluice_duplicate_spend_usd_total[$__rate_interval]))", "duplicate"]],
        },
        {
          title: "Reservations that expired, results above theirs",
          unit: "short",
          queries: [
            ["sum by (kind) (increase(sluice_expired_holds_total[$__rate_interval]))", "expired: {{kind}}"],
            ["sum(increase(sluice_settled_over_reserved_total[$__rate_interval]))", "above the reservation"],
          ],
        },
        {
          title: "Entries of the ledger",
          unit: "ops",
          queries: [["sum by (result) (rate(sluice_ledger_entries_total[$__rate_interval]))", "{{result}}"]],
        },
      ],
    },
    {
      title: "Results",
      panels: [
        {
          title: "Results by tenant",
          unit: "reqps",
          stack: true,
          queries: [[`sum by (tenant) (rate(sluice_tenant_requests_total${TENANTS}[$__rate_interval]))`, "{{tenant}}"]],
        },
        {
          title: "Failed, by tenant",
          unit: "percentunit",
          max: 1,
          queries: [
            [
              `sum by (tenant) (rate(sluice_tenant_requests_total{tenant=~"$tenant", status="failed"}[$__rate_interval])) / (sum by (tenant) (rate(sluice_tenant_requests_total${TENANTS}[$__rate_interval])) > 0)`,
              "{{tenant}}",
            ],
          ],
          bounds: [0.01, 0.05],
        },
      ],
    },
  ],
};
