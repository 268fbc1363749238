/**
 * What settings may name that an administrator posts for a replay: they are run by a service that has this deployment's secrets and files.
 * A key goes to no address but its own, and no file is read that the deployment does not read. Pure.
 */
import type { Settings } from "../config/schema.ts";

type Named = Pick<Settings, "endpoints" | "routing" | "cache">;

/** @returns what is wrong, for people; undefined where all that is named is the deployment's. */
export function postedProblem(posted: Named, deployed: Named): string | undefined {
  for (const [name, { base_url_env, api_key_env }] of Object.entries(posted.endpoints)) {
    const keys = [api_key_env].flat();
    const known = Object.values(deployed.endpoints).some(
      (one) => one.base_url_env === base_url_env && keys.every((key) => [one.api_key_env].flat().includes(key)),
    );
    if (!known) return `endpoints.${name}: the deployed settings have no endpoint with this address and these keys`;
  }
  const files: readonly [string, string | undefined, string | undefined][] = [
    ["routing.complexity.policy_file", posted.routing.complexity.policy_file, deployed.routing.complexity.policy_file],
    [
      "cache.semantic.calibration_file",
      posted.cache.semantic.calibration_file,
      deployed.cache.semantic.calibration_file,
    ],
  ];
  const other = files.find(([, file, own]) => file !== undefined && file !== own);
  return other === undefined ? undefined : `${other[0]}: only the deployed settings' own file may be named`;
}
