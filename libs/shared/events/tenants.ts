/** `llm.tenants` (compacted): tenants, plan overrides and API keys. Keyed by `tenant:<name>` or `key:<id>`. */
import { z } from "zod";
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
