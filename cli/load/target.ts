/** What a load run goes at: where it is, whether it may be loaded, and with which keys. */
import { request } from "undici";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type CliContext, type Env, openContext, runState, stateDir } from "../context.ts";
import { demoKey } from "../prepare.ts";
import { TENANT_DEFAULT } from "./body.ts";
import { MockControl, noMock } from "./mock-control.ts";
import { doorOf, type Scenario } from "./scenario.ts";

export type TargetFlags = {
  readonly gateway?: string;
  readonly key?: Readonly<Record<string, string>>;
  readonly mock?: string;
  readonly yes?: boolean;
};

export type Target = {
  readonly context: CliContext;
  readonly gateway_url: string | undefined;
  /** Where records go; undefined where no template goes by the topic. */
  readonly brokers: string | undefined;
  readonly keys: Readonly<Record<string, string>>;
  readonly is_mock: boolean;
  /** Where the scenario has faults. */
  readonly control: MockControl | undefined;
};

const ASK_MS = 5_000;

/** @throws `usage` for what must not be loaded or cannot; `not_running`. */
export async function openTarget(scenario: Scenario, flags: TargetFlags, env: Env): Promise<Target> {
  const context = await openContext(env);
  const running = runState(env)?.endpoints;
  const doors = new Set(scenario.templates.map((template) => doorOf(scenario, template)));
  const by_http = doors.has("http") || doors.has("http-stream");
  const gateway_url = by_http ? (flags.gateway ?? running?.gateway ?? undefined) : undefined;
  if (by_http && gateway_url === undefined) {
    throw new SluiceError("not_running", "no gateway was found", {
      fix: "Run `npm start` in another terminal, or name it with --gateway.",
    });
  }
  const brokers = doors.has("topic") ? context.environment.kafka.brokers.join(",") : undefined;
  guard([gateway_url, brokers], flags.yes === true);
  const mock_url = flags.mock ?? running?.mock_llm ?? undefined;
  const target = { context, gateway_url, brokers, is_mock: mock_url !== undefined };
  const control = scenario.faults.length === 0 ? undefined : await controlOf(mock_url);
  if (gateway_url === undefined) return { ...target, keys: {}, control };
  const keys = await keysOf(scenario, flags, env);
  await checkKeys(gateway_url, keys);
  return { ...target, keys, control };
}

function controlOf(mock_url: string | undefined): Promise<MockControl> {
  if (mock_url === undefined) throw noMock("none is running here");
  return MockControl.open(mock_url);
}

/** Somebody else's machine is not loaded by a slip. */
function guard(addresses: readonly (string | undefined)[], agreed: boolean): void {
  const away = addresses
    .flatMap((one) => (one === undefined ? [] : one.split(",")))
    .filter((address) => !isLoopback(hostOf(address)));
  if (away.length === 0 || agreed) return;
  throw new SluiceError(
    "usage",
    `${away.join(", ")} is not this machine: a load test there may hurt others, and cost money`,
    {
      fix: "Add --yes if it is meant.",
    },
  );
}

function hostOf(address: string): string {
  return URL.canParse(address) && address.includes("://") ? new URL(address).hostname : address.replace(/:\d+$/, "");
}

/** Pure. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

/** Of each tenant that goes by HTTP; the demo tenant's is known where it was made. */
async function keysOf(scenario: Scenario, { key = {} }: TargetFlags, env: Env): Promise<Record<string, string>> {
  const keys: Record<string, string> = { ...key };
  for (const template of scenario.templates) {
    const tenant = template.tenant ?? TENANT_DEFAULT;
    if (doorOf(scenario, template) === "topic" || keys[tenant] !== undefined) continue;
    if (tenant !== TENANT_DEFAULT || runState(env) === undefined) {
      throw new SluiceError(
        "usage",
        `template ${template.name} goes by HTTP as tenant ${tenant}, and there is no key for it`,
        {
          fix: `Make one with \`sluice keys create --tenant ${tenant}\` and add --key ${tenant}=slc_….`,
        },
      );
    }
    keys[tenant] = await demoKey(stateDir(env));
  }
  return keys;
}

/** A wrong key would make a run of nothing but refusals. */
async function checkKeys(url: string, keys: Readonly<Record<string, string>>): Promise<void> {
  for (const [tenant, key] of Object.entries(keys)) {
    const headers = { authorization: `Bearer ${key}` };
    const reply = await request(`${url}/v1/models`, { headers, headersTimeout: ASK_MS, bodyTimeout: ASK_MS }).catch(
      (error: Error) => {
        throw new SluiceError("not_running", `the gateway at ${url} does not answer: ${error.message}`, {
          fix: "Check that it runs, and its address.",
        });
      },
    );
    await reply.body.dump();
    if (reply.statusCode === 200) continue;
    throw new SluiceError("usage", `the gateway at ${url} refuses the key of tenant ${tenant} (${reply.statusCode})`, {
      fix: "Give another with --key.",
    });
  }
}
