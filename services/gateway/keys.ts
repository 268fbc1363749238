/** Who may call: API keys as they stand on `llm.tenants`, followed live. */
import type { KeyChange } from "../../libs/shared/events/key-records.ts";
import type { KeyRecord, KeyScope } from "../../libs/shared/events/tenants.ts";
import { keyId, keyMatches } from "../../libs/shared/keys.ts";

export type Caller = { readonly tenant: string; readonly key_id: string; readonly scopes: readonly KeyScope[] };

export type Authentication =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly status: 401 | 403; readonly code: string; readonly message: string };

/** The keys by id. Pure but for its own map. */
export class KeyRing {
  readonly #keys = new Map<string, KeyRecord>();

  apply({ id, record }: KeyChange): void {
    if (record === undefined) this.#keys.delete(id);
    else this.#keys.set(id, record);
  }

  /**
   * @param authorization the header, `Bearer slc_…`.
   * @param scope what the key must be allowed; `any`: it must only be a key.
   */
  authenticate(authorization: string | undefined, scope: KeyScope | "any"): Authentication {
    const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? "")?.[1];
    if (key === undefined)
      return refused(401, "api_key_missing", "Send your API key as `Authorization: Bearer slc_…`.");
    const id = keyId(key);
    const record = id === undefined ? undefined : this.#keys.get(id);
    // One answer for malformed, unknown, wrong and revoked keys: it tells a guesser nothing.
    if (record === undefined || !keyMatches(key, record.hash) || record.revoked_ms !== undefined) {
      return refused(401, "api_key_invalid", "This API key is not valid.");
    }
    if (scope !== "any" && !record.scopes.includes(scope)) {
      return refused(403, "scope_missing", `This API key lacks the scope "${scope}".`);
    }
    return { ok: true, caller: { tenant: record.tenant, key_id: record.id, scopes: record.scopes } };
  }
}

function refused(status: 401 | 403, code: string, message: string): Authentication {
  return { ok: false, status, code, message };
}
