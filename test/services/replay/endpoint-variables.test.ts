/** What settings that somebody posts may name. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { endpointSchema } from "../../../libs/shared/config/inference.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { EndpointClients } from "../../../services/inference/endpoint-clients.ts";
import { endpointVariables } from "../../../services/replay/endpoint-variables.ts";

const ENV = {
  OWN_URL: "http://127.0.0.1:1/v1",
  OWN_KEY: "k",
  NEXT_KEY: "n",
  SLUICE_SECRET_KEY: "s",
  DATABASE_URL: "d",
};
const own = endpointSchema.parse({ base_url_env: "OWN_URL", api_key_env: ["OWN_KEY", "NEXT_KEY"] });

test("a replay of the service has the variables of the deployed endpoints", () => {
  const { SLUICE_SECRET_KEY: _, DATABASE_URL: __, ...named } = ENV;
  assert.deepEqual(endpointVariables({ endpoints: { own } }, ENV), named);
});

test("settings that name another variable find nothing there", () => {
  const yaml = readFileSync(new URL("../../../sluice.yaml", import.meta.url), "utf8");
  const posted = {
    ...parseSettings(yaml, "posted"),
    endpoints: {
      key: endpointSchema.parse({ base_url_env: "OWN_URL", api_key_env: "SLUICE_SECRET_KEY" }),
      url: endpointSchema.parse({ base_url_env: "DATABASE_URL", api_key_env: "OWN_KEY" }),
    },
  };
  const clients = new EndpointClients(posted, endpointVariables({ endpoints: { own } }, ENV));
  assert.deepEqual(clients.address("key").keys, [undefined]);
  assert.throws(() => clients.address("url"), { code: "settings_invalid" });
});
