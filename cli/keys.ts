/** `sluice keys`: API keys of tenants. A key is shown once, when it is made; only its hash is kept. */
import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { resolvePlan } from "../libs/shared/budgets/plan.ts";
import { systemClock } from "../libs/shared/clock.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { type KeyRecord, type KeyScope, keyScope } from "../libs/shared/events/tenants.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../libs/shared/keys.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { publishKeys, readKeys } from "./keys/store.ts";
import { formatTable } from "./output/format.ts";
import { EXIT_HELP, print, say } from "./output/terminal.ts";
import { refuseInternal } from "./tenants/internal.ts";
import { readTenants } from "./tenants/store.ts";
import { tenantViews } from "./tenants/view.ts";

const EXAMPLES = `
Examples:
  sluice keys create --tenant demo
  sluice keys create --tenant demo --scopes submit,read --json
  sluice keys ls
  sluice keys rotate 3f9a1c02be
  sluice keys revoke 3f9a1c02be
${EXIT_HELP}`;

type CreateFlags = { readonly tenant: string; readonly scopes: KeyScope[]; readonly json?: boolean };
type JsonFlag = { readonly json?: boolean };

const create = new Command("create")
  .description("make a key for a tenant and show it, this once")
  .requiredOption("--tenant <name>", "a tenant that `sluice tenants ls` lists")
  .option("--scopes <list>", "what it may do: submit, read, admin", parseScopes, ["submit", "read"])
  .option("--json", "one JSON object: key, id, tenant")
  .action(async (flags: CreateFlags) => {
    refuseInternal(flags.tenant);
    const context = await openKeys();
    const { settings } = context;
    const book = await readTenants(context);
    if (resolvePlan(settings, flags.tenant, book.record(flags.tenant)) === undefined) {
      const known = tenantViews(settings, book.records()).map(({ tenant }) => tenant);
      throw new SluiceError("usage", `there is no tenant "${flags.tenant}"`, {
        fix: `Known are ${known.join(", ")}; \`npx sluice tenants set\` makes one.`,
      });
    }
    await showNew(await publishNew(context, flags.tenant, flags.scopes), flags.json);
  });

const list = new Command("ls")
  .description("list the keys of every tenant, without their secrets")
  .option("--tenant <name>", "only this tenant's")
  .option("--json", "one JSON object: keys")
  .action(async (flags: JsonFlag & { readonly tenant?: string }) => {
    const all = [...(await readKeys(await openKeys())).values()];
    const keys = all.filter(({ tenant }) => flags.tenant === undefined || tenant === flags.tenant);
    await print(flags.json ? `${JSON.stringify({ keys: keys.map(publicPart) })}\n` : `${keysTable(keys)}\n`);
  });

const revoke = new Command("revoke")
  .description("end a key: no gateway takes it any more")
  .argument("<id>", "the part between slc_ and the next _")
  .option("--json", "one JSON object: the key's public part")
  .action(async (id: string, flags: JsonFlag) => {
    const context = await openKeys();
    const revoked = await publishRevoked(context, await keyOf(context, id));
    await print(flags.json ? `${JSON.stringify(publicPart(revoked))}\n` : `revoked ${id} of ${revoked.tenant}\n`);
  });

const rotate = new Command("rotate")
  .description("make a new key with the same tenant and scopes, then end the old one")
  .argument("<id>", "the part between slc_ and the next _")
  .option("--json", "one JSON object: key, id, tenant")
  .action(async (id: string, flags: JsonFlag) => {
    const context = await openKeys();
    const old = await keyOf(context, id);
    // The new one first: whatever fails between the two, the tenant is never without a key.
    const made = await publishNew(context, old.tenant, old.scopes);
    await publishRevoked(context, old);
    await showNew(made, flags.json);
  });

export const keysCommand = new Command("keys")
  .description("make, list, revoke and rotate API keys")
  .addHelpText("after", EXAMPLES)
  .addCommand(create)
  .addCommand(list)
  .addCommand(revoke)
  .addCommand(rotate);

type MadeKey = { readonly key: string; readonly id: string; readonly tenant: string };

async function openKeys(): Promise<CliContext> {
  const context = await openContext(process.env);
  await registerSchemas(context);
  return context;
}

async function publishNew(context: CliContext, tenant: string, scopes: readonly KeyScope[]): Promise<MadeKey> {
  const { key, id, hash } = makeKey(randomBytes(KEY_RANDOM_BYTES));
  const created_ms = systemClock.now_ms();
  await publishKeys(context, [{ kind: "key", id, tenant, hash, scopes: [...scopes], created_ms }]);
  return { key, id, tenant };
}

async function publishRevoked(context: CliContext, record: KeyRecord): Promise<KeyRecord> {
  const revoked = { ...record, revoked_ms: record.revoked_ms ?? systemClock.now_ms() };
  await publishKeys(context, [revoked]);
  return revoked;
}

async function keyOf(context: CliContext, id: string): Promise<KeyRecord> {
  const record = (await readKeys(context)).get(id);
  if (record !== undefined) return record;
  throw new SluiceError("usage", `there is no key "${id}"`, { fix: "`npx sluice keys ls` lists them." });
}

async function showNew(made: MadeKey, json: boolean | undefined): Promise<void> {
  await print(json ? `${JSON.stringify(made)}\n` : `${made.key}\n`);
  if (!json) say(`key ${made.id} of ${made.tenant}; it is not shown again`);
}

/** The table for people, oldest first. */
function keysTable(keys: readonly KeyRecord[]): string {
  const sorted = keys.toSorted((left, right) => left.created_ms - right.created_ms);
  const rows = sorted.map(({ id, tenant, scopes, created_ms, revoked_ms }) => [
    id,
    tenant,
    scopes.join(" "),
    new Date(created_ms).toISOString(),
    revoked_ms === undefined ? "active" : `revoked ${new Date(revoked_ms).toISOString()}`,
  ]);
  return formatTable(["id", "tenant", "scopes", "created", "state"], rows);
}

function publicPart({ id, tenant, scopes, created_ms, revoked_ms }: KeyRecord): object {
  return { id, tenant, scopes, created_ms, ...(revoked_ms === undefined ? {} : { revoked_ms }) };
}

function parseScopes(text: string): KeyScope[] {
  return text.split(",").map((name) => {
    const scope = keyScope.safeParse(name.trim());
    if (scope.success) return scope.data;
    throw new InvalidArgumentError(`"${name}" is no scope; known are ${keyScope.options.join(", ")}.`);
  });
}
