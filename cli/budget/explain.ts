/** A tenant's budgets in words: each cap, where it comes from, what uses it. Pure. */
import type { Cap, Standing } from "../../libs/shared/budgets/caps.ts";
import type { ScopeView } from "../../libs/shared/budgets/scope-views.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { nusd } from "../../libs/shared/money.ts";
import { formatNusd, formatTable } from "../output/format.ts";

const LARGEST_MAX = 5;

/** The tenant's largest settlements, of the entries added. */
export class Largest {
  readonly #tenant: string;
  #entries: UsageEntry[] = [];

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  add(entry: UsageEntry): void {
    if (entry.tenant !== this.#tenant || entry.settled_nusd === 0) return;
    this.#entries = [...this.#entries, entry]
      .toSorted((left, right) => Math.abs(right.settled_nusd) - Math.abs(left.settled_nusd))
      .slice(0, LARGEST_MAX);
  }

  get entries(): readonly UsageEntry[] {
    return this.#entries;
  }
}

export function explanation(standing: Standing, views: readonly ScopeView[], largest: readonly UsageEntry[]): string {
  const lines = standing.caps.map((cap, index) => `  ${scopeLine(cap, standing, views[index])}`);
  return [planLine(standing), "", ...lines, "", largestText(standing.tenant, largest)].join("\n");
}

function planLine({ tenant, plan, record }: Standing): string {
  if (record === undefined) return `${tenant} has the plan "${plan}", as sluice.yaml says`;
  const by = record.by === undefined ? "" : ` by \`${record.by}\``;
  return `${tenant} has the plan "${plan}", as its record on llm.tenants says, written ${new Date(record.updated_ms).toISOString()}${by}`;
}

function scopeLine(cap: Cap, standing: Standing, view: ScopeView | undefined): string {
  const limit = cap.cap_usd === null ? "no cap" : `at most ${money(cap.cap_usd)}`;
  return `${cap.scope.padEnd(13)} ${limit} (${sourceText(cap, standing)})${view === undefined ? "" : useText(view)}`;
}

function sourceText({ source, plan_usd }: Cap, { plan }: Standing): string {
  if (source === "plan") return `plan "${plan}"`;
  const from = source === "record" ? "its record" : "overrides in sluice.yaml";
  return `${from}; the plan has ${plan_usd === null ? "no cap" : money(plan_usd)}`;
}

function useText({ scope, cap_usd, reserved_usd, settled_usd, resets_at }: ScopeView): string {
  if (scope === "request") return ": each request by itself";
  if (reserved_usd === null || settled_usd === null) return `: name one with --${scope === "session" ? scope : "user"}`;
  const used_nusd = nusd(reserved_usd) + nusd(settled_usd);
  const used = `${money(settled_usd)} spent and ${money(reserved_usd)} held for requests under way`;
  const left = cap_usd === null ? "" : `, ${leftText(nusd(cap_usd), used_nusd)}`;
  return `: ${used}${left}${resets_at === null ? "" : `; begins anew ${resets_at}`}`;
}

function leftText(cap_nusd: number, used_nusd: number): string {
  const part = cap_nusd === 0 ? "" : ` (${Math.floor((used_nusd * 100) / cap_nusd)} % used)`;
  return `${formatNusd(Math.max(0, cap_nusd - used_nusd))} left${part}`;
}

function largestText(tenant: string, largest: readonly UsageEntry[]): string {
  if (largest.length === 0) return `nothing of ${tenant} was settled today`;
  const rows = largest.map(({ at_ms, id, user, model, settled_nusd, cause }) => [
    `  ${new Date(at_ms).toISOString().slice(11, 19)}`,
    formatNusd(settled_nusd),
    user ?? "-",
    model ?? "-",
    cause,
    id,
  ]);
  return `largest entries of the ledger today:\n${formatTable(["  time", "cost", "user", "model", "cause", "id"], rows, [1])}`;
}

function money(amount_usd: number): string {
  return formatNusd(nusd(amount_usd));
}
