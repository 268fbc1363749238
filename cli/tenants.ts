/** `sluice tenants`: who may send requests, and by which plan. */
import { Command } from "commander";
import { systemClock } from "../libs/shared/clock.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { TENANT_PATTERN } from "../libs/shared/events/fields.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { EXIT_HELP, print } from "./output/terminal.ts";
import { refuseInternal } from "./tenants/internal.ts";
import { publishTenant, readTenants, removeTenant } from "./tenants/store.ts";
import { tenantsTable, tenantViews } from "./tenants/view.ts";

const EXAMPLES = `
Tenants of sluice.yaml need no record. One that is set here is known to every instance within a second, and its record stands
before what sluice.yaml says of it. \`sluice budget set\` gives it caps of its own, \`sluice keys create\` a key.

Examples:
  sluice tenants ls
  sluice tenants set acme --plan default
  sluice tenants rm acme
${EXIT_HELP}`;

type JsonFlag = { readonly json?: boolean };

const list = new Command("ls")
  .description("list the tenants, their plans and where those are said")
  .option("--json", "one JSON object: tenants")
  .action(async (flags: JsonFlag) => {
    const context = await openTenants();
    const views = tenantViews(context.settings, (await readTenants(context)).records());
    await print(flags.json ? `${JSON.stringify({ tenants: views })}\n` : `${tenantsTable(views)}\n`);
  });

const set = new Command("set")
  .description("make a tenant, or give it another plan; what it has otherwise than its plan stays")
  .argument("<tenant>")
  .option("--plan <name>", "a plan of sluice.yaml", "default")
  .option("--json", "one JSON object: tenant, plan")
  .action(async (tenant: string, { plan, json }: JsonFlag & { readonly plan: string }) => {
    if (!TENANT_PATTERN.test(tenant)) {
      const fix = "Use 1 to 64 characters of A-Z a-z 0-9 . _ - and start with a letter or digit.";
      throw new SluiceError("usage", `"${tenant}" is no name of a tenant`, { fix });
    }
    refuseInternal(tenant);
    const context = await openTenants();
    const { plans, tenants } = context.settings;
    if (!Object.hasOwn(plans, plan)) {
      const fix = `Known are ${Object.keys(plans).join(", ")}; sluice.yaml names them under plans.`;
      throw new SluiceError("usage", `there is no plan "${plan}"`, { fix });
    }
    const own = Object.hasOwn(tenants, tenant) ? tenants[tenant]?.overrides : undefined;
    const overrides = (await readTenants(context)).record(tenant)?.overrides ?? own;
    const record = { kind: "tenant", tenant, plan, updated_ms: systemClock.now_ms(), by: "sluice tenants" } as const;
    await publishTenant(context, { ...record, ...(overrides === undefined ? {} : { overrides }) });
    await print(json ? `${JSON.stringify({ tenant, plan })}\n` : `${tenant} has the plan ${plan}\n`);
  });

const remove = new Command("rm")
  .description("take a tenant's record away: sluice.yaml holds again, or nobody knows it any more")
  .argument("<tenant>")
  .option("--json", "one JSON object: tenant, known")
  .action(async (tenant: string, flags: JsonFlag) => {
    const context = await openTenants();
    if ((await readTenants(context)).record(tenant) === undefined) {
      const fix = "`npx sluice tenants ls` lists them; those of sluice.yaml are taken out there.";
      throw new SluiceError("usage", `there is no record of a tenant "${tenant}"`, { fix });
    }
    await removeTenant(context, tenant);
    const known = Object.hasOwn(context.settings.tenants, tenant);
    const what = known ? "is as sluice.yaml says" : "is gone; its requests are refused, and its keys reach nothing";
    await print(flags.json ? `${JSON.stringify({ tenant, known })}\n` : `${tenant} ${what}\n`);
  });

export const tenantsCommand = new Command("tenants")
  .description("list, make, change and remove tenants")
  .addHelpText("after", EXAMPLES)
  .addCommand(list)
  .addCommand(set)
  .addCommand(remove);

async function openTenants(): Promise<CliContext> {
  const context = await openContext(process.env);
  await registerSchemas(context);
  return context;
}
