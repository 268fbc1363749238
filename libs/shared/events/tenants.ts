/** `llm.tenants` (compacted): tenants, plan overrides and API keys. Keyed by `tenant:<name>` or `key:<id>`. */
import { z } from "zod";
import { overridesSchema } from "../config/plans.ts";
import { tenantField } from "./fields.ts";

export const keyScope = z.enum(["submit", "read", "admin"]);
export type KeyScope = z.infer<typeof keyScope>;

export const keyRecordSchema = z.object({
  kind: z.literal("key"),
  /** The short part of the key, public. */
  id: z.string(),
  tenant: tenantField,
  /** SHA-256 of the whole key, hex. The key itself is shown once and stored nowhere. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(keyScope).min(1),
  created_ms: z.number(),
  revoked_ms: z.number().optional(),
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** A tenant as an administrator made or changed it; it replaces what `sluice.yaml` says of the tenant, if anything. */
export const tenantRecordSchema = z.object({
  kind: z.literal("tenant"),
  tenant: tenantField,
  plan: z.string(),
  overrides: overridesSchema.optional(),
  updated_ms: z.number(),
  /** Who changed it, in words. */
  by: z.string().optional(),
});
export type TenantRecord = z.infer<typeof tenantRecordSchema>;

/** The topic as a whole: each kind has a schema of its own, and a reader passes over kinds that it does not know. */
export const tenantsSchema = z.looseObject({ kind: z.string().min(1) });
