/** Which variables of the process a replay may use. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Those that the deployed settings name for endpoints. Settings that an administrator posts name variables too: the secret of this
 * deployment, or the address of its database, must not leave it as a provider's key.
 */
export function endpointVariables({ endpoints }: Pick<Settings, "endpoints">, env: Env): Env {
  const named = Object.values(endpoints).flatMap(({ base_url_env, api_key_env }) => [base_url_env, api_key_env].flat());
  return Object.fromEntries(named.map((name) => [name, env[name]]));
}
