/** Whether every call can be made and paid for. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import { type Finding, Findings, isLoopback } from "./finding.ts";
import { listed } from "./kafka.ts";

export type EndpointFacts = {
  readonly name: string;
  /** Undefined where its variable is not set here. */
  readonly base_url: string | undefined;
  /** Keys that are set. */
  readonly keys: number;
  /** `GET /models`: a status, or why there is none. */
  readonly answer: { readonly status: number } | { readonly error: string } | undefined;
  /** What it says it is, by its header `server` or its models. */
  readonly is_mock: boolean;
};

export function modelFindings(settings: Settings, endpoints: readonly EndpointFacts[]): readonly Finding[] {
  const findings = new Findings("models");
  prices(findings, settings);
  for (const endpoint of endpoints) endpointFindings(findings, endpoint);
  return findings.found;
}

function prices(findings: Findings, { tiers, prices: { models }, plans, admission }: Settings): void {
  const used = [...new Set(Object.values(tiers).flatMap((tier) => tier.models))];
  const unpriced = used.filter((model) => models[model] === undefined);
  const capped = Object.values(plans).some(({ budgets }) => Object.values(budgets).some((cap) => cap !== undefined));
  findings.expect(
    "prices",
    unpriced.length === 0,
    `all ${used.length} models have a price`,
    admission.unknown_price === "allow" ? "failure" : "warning",
    admission.unknown_price === "allow"
      ? `${listed(unpriced)} ${unpriced.length === 1 ? "has" : "have"} no price, and admission.unknown_price lets that pass as if it cost nothing`
      : `${listed(unpriced)} ${unpriced.length === 1 ? "has" : "have"} no price: ${capped ? "tenants with budgets are refused" : "what is spent is not known"}`,
    "Add it to prices.models, with the provider's price.",
  );
  const free = used.filter((model) => {
    const price = models[model];
    return price !== undefined && price.input_usd_per_mtok === 0 && price.output_usd_per_mtok === 0;
  });
  findings.expect(
    "free_models",
    free.length === 0,
    "no price is nothing",
    "note",
    `${listed(free)}: the price is 0, so budgets do not count it`,
    "Right for models on machines of your own whose cost you do not divide; else give the price.",
  );
  findings.expect(
    "budgets",
    capped,
    "there are plans with budgets",
    "warning",
    "no plan has a budget: what is spent has no bound",
    "Give plans caps, such as budgets: { tenant_day_usd: 50 } (docs/admission.md), or `npx sluice budget set`.",
  );
  const redo = admission.without_redis === "admit";
  findings.expect(
    "without_redis",
    !redo,
    "while Redis is away, paid work waits",
    "warning",
    "admission.without_redis is admit: while Redis is away, requests pass without limits and budgets",
    "Set it to wait.",
  );
}

function endpointFindings(findings: Findings, { name, base_url, keys, answer, is_mock }: EndpointFacts): void {
  findings.expect(
    "endpoint_address",
    base_url !== undefined,
    `${name} has an address`,
    "note",
    `${name}: its variable is not set here, so it was not asked`,
    "Run this with the environment of the inference workers.",
  );
  if (base_url === undefined) return;
  findings.expect(
    "endpoint_mock",
    !is_mock,
    `${name} is no mock`,
    "warning",
    `${name} is the bundled mock model server: its answers are made up`,
    "Set OPENAI_BASE_URL and OPENAI_API_KEY, or the endpoint's own variables.",
  );
  const { protocol, hostname } = new URL(base_url);
  findings.expect(
    "endpoint_tls",
    protocol === "https:" || isLoopback(hostname),
    `${name} is reached by ${protocol === "https:" ? "TLS" : "this machine alone"}`,
    "failure",
    `${name} is reached over the network without TLS: prompts and the API key can be read on the way`,
    "Write https:// in its address.",
  );
  findings.expect(
    "endpoint_key",
    keys > 0 || isLoopback(hostname),
    `${name} has ${keys === 1 ? "a key" : `${keys} keys`}`,
    "warning",
    `${name} has no key`,
    "Set the variable that api_key_env names.",
  );
  if (answer === undefined) return;
  const said = "status" in answer ? `it answers ${answer.status}` : answer.error;
  findings.expect(
    "endpoint_reached",
    "status" in answer && answer.status < 400,
    `${name} answers`,
    "failure",
    `${name}: ${said}`,
    "error" in answer || answer.status >= 500
      ? "Is the address right, and may this machine reach it?"
      : answer.status === 401 || answer.status === 403
        ? "The key is refused: look at the variable that api_key_env names."
        : "It has no GET /models: harmless, if calls succeed.",
  );
}
