/** Settings that are posted name nothing that is not deployed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { Settings } from "../../../../libs/shared/config/schema.ts";
import { postedProblem } from "../../../../libs/shared/replay/posted-settings.ts";

const YAML = readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8");
const PARSED = parseSettings(YAML, "sluice.yaml");
const one = { connections_max: 1, weight: 1 };
const DEPLOYED: Settings = {
  ...PARSED,
  endpoints: {
    here: { ...one, base_url_env: "HERE_URL", api_key_env: ["HERE_KEY", "HERE_KEY_2"] },
    there: { ...one, base_url_env: "THERE_URL", api_key_env: "THERE_KEY" },
  },
};

const withEndpoint = (base_url_env: string, api_key_env: string | string[]): Settings => ({
  ...DEPLOYED,
  endpoints: { any: { ...one, base_url_env, api_key_env } },
});

const TABLE: readonly (readonly [string, Settings, RegExp | undefined])[] = [
  ["the deployed settings", DEPLOYED, undefined],
  ["one of an endpoint's keys", withEndpoint("HERE_URL", "HERE_KEY_2"), undefined],
  ["an endpoint's key at another's address", withEndpoint("THERE_URL", "HERE_KEY"), /endpoints\.any/],
  ["a secret as a key", withEndpoint("HERE_URL", "SLUICE_SECRET_KEY"), /endpoints\.any/],
  ["a key beside its own", withEndpoint("HERE_URL", ["HERE_KEY", "THERE_KEY"]), /endpoints\.any/],
  [
    "a file of the machine as a policy",
    {
      ...DEPLOYED,
      routing: { ...PARSED.routing, complexity: { ...PARSED.routing.complexity, policy_file: "/etc/passwd" } },
    },
    /policy_file/,
  ],
  [
    "a file of the machine as a calibration",
    {
      ...DEPLOYED,
      cache: { ...PARSED.cache, semantic: { ...PARSED.cache.semantic, calibration_file: "/etc/passwd" } },
    },
    /calibration_file/,
  ],
];

for (const [what, posted, problem] of TABLE) {
  test(`${what}: ${problem === undefined ? "may be posted" : "may not"}`, () => {
    const found = postedProblem(posted, DEPLOYED);
    if (problem === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", problem);
  });
}
