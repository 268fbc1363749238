/** Wires inference: one consumer group per tier, llm.jobs.<tier> in, llm.outcomes out. `SLUICE_TIERS` names the tiers served. */
import { Counter, Histogram } from "prom-client";
import { systemClock } from "../../libs/shared/clock.ts";
import type { TierSettings } from "../../libs/shared/config/schema.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Consumption } from "../../libs/shared/kafka/consumption.ts";
import { priceOf } from "../../libs/shared/money.ts";
import {
  bothLanes,
  deadLetterWriter,
  joinGroup,
  observeConsumption,
  runService,
  type ServiceContext,
} from "../../libs/shared/service.ts";
import type { PriceList } from "./call.ts";
import { createInferenceHandler } from "./handler.ts";
import { HttpModelClient } from "./http-client.ts";

/** The tiers that this process serves: all of them, unless the environment names some. */
function tiersServed(
  tiers: Readonly<Record<string, TierSettings>>,
  wanted: string | undefined,
): [string, TierSettings][] {
  const names = wanted?.split(",").map((name) => name.trim()) ?? Object.keys(tiers);
  return names.map((name) => {
    const tier = tiers[name];
    if (tier !== undefined) return [name, tier];
    throw new SluiceError("settings_invalid", `SLUICE_TIERS names "${name}", which is no tier`, {
      fix: `Known tiers are ${Object.keys(tiers).join(", ")}.`,
    });
  });
}

function modelClients(context: ServiceContext): Map<string, HttpModelClient> {
  const { settings } = context;
  return new Map(
    Object.entries(settings.endpoints).map(([name, endpoint]) => {
      const base_url = process.env[endpoint.base_url_env];
      if (base_url === undefined) {
        throw new SluiceError("settings_invalid", `${endpoint.base_url_env} is not set for endpoint "${name}"`, {
          fix: "Set it to an OpenAI-compatible URL that ends in /v1.",
        });
      }
      const api_key = process.env[[endpoint.api_key_env].flat()[0] as string];
      const { connections_max } = endpoint;
      const { response_bytes_max } = settings.inference;
      return [name, new HttpModelClient({ base_url, api_key, connections_max, response_bytes_max })];
    }),
  );
}

/** The settings' check leaves no model without a price; a job for one would be a bug, and no reason to call it free. */
function priceList({ version, models }: ServiceContext["settings"]["prices"]): PriceList {
  const prices = new Map(Object.entries(models).map(([model, price]) => [model, priceOf(price)]));
  return {
    version,
    priceOf(model) {
      const price = prices.get(model);
      if (price === undefined) throw new SluiceError("internal_error", `no price for model "${model}"`);
      return price;
    },
  };
}

await runService("inference", process.env, async (context) => {
  const { settings, names, codec, producer, metrics } = context;
  const prices = priceList(settings.prices);
  const calls = new Counter({
    name: "sluice_model_calls_total",
    help: "Calls made to a model, by how they ended",
    labelNames: ["tier", "outcome"],
    registers: [metrics],
  });
  const duration = new Histogram({
    name: "gen_ai_client_operation_duration_seconds",
    help: "Duration of a model call",
    labelNames: ["tier"],
    buckets: [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers: [metrics],
  });
  const clients = modelClients(context);
  const groups = new Map<string, Consumption>();
  await Promise.all(
    tiersServed(settings.tiers, process.env["SLUICE_TIERS"]).map(async ([tier, options]) => {
      const group = `${settings.consumption.group_prefix}inference.${tier}`;
      const handler = createInferenceHandler({
        codec,
        publisher: producer,
        clock: systemClock,
        random: Math.random,
        names,
        dead_letters: deadLetterWriter(context, group),
        model: clients.get([options.endpoint].flat()[0] as string) as HttpModelClient,
        prices,
        attempts_max: settings.inference.attempts_max,
        retry: settings.inference.retry,
        timeout_ms: options.timeout_ms,
        called: (outcome, elapsed_ms) => {
          calls.inc({ tier, outcome });
          duration.observe({ tier }, elapsed_ms / 1_000);
        },
      });
      const consumption = await joinGroup(context, {
        group,
        topics: bothLanes(names, names.jobs(tier)),
        order: "key",
        commit_by: "engine",
        max_in_flight: options.in_flight_max,
        batch_records_max: 1,
        handler,
      });
      groups.set(group, consumption);
    }),
  );
  observeConsumption(context, groups);
  return {
    ready: async () => [...groups].filter(([, { joined }]) => !joined).map(([group]) => `not yet a member of ${group}`),
    async stop() {
      const deadline_ms = settings.consumption.drain_deadline_ms;
      await Promise.all([...groups.values()].map((consumption) => consumption.drain(deadline_ms)));
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
});
