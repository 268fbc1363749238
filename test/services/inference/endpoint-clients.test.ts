/** Endpoints of the settings, their addresses and keys from the environment. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import { EndpointClients } from "../../../services/inference/endpoint-clients.ts";

const SETTINGS = parseSettings(readFileSync("sluice.yaml", "utf8"), "sluice.yaml");
const settings = {
  ...SETTINGS,
  endpoints: {
    one: { base_url_env: "ONE_URL", api_key_env: "ONE_KEY", connections_max: 2, weight: 1 },
    many: { base_url_env: "MANY_URL", api_key_env: ["KEY_A", "KEY_B", "KEY_C"], connections_max: 2, weight: 3 },
  },
};
const clients = (env: Record<string, string>) => new EndpointClients(settings, env);

const isUnset = (error: unknown): boolean =>
  error instanceof SluiceError && error.code === "settings_invalid" && /ONE_URL/.test(error.message);

describe("an endpoint", () => {
  test("has its address and its keys in their order; those that are not set are left out", () => {
    const env = { MANY_URL: "http://h/v1", KEY_A: "a", KEY_B: "", KEY_C: "c" };
    assert.deepEqual(clients(env).address("many"), {
      name: "many",
      weight: 3,
      base_url: "http://h/v1",
      keys: ["a", "c"],
    });
  });

  test("without keys is called without one", () => {
    assert.deepEqual(clients({ ONE_URL: "http://h/v1" }).address("one").keys, [undefined]);
    assert.deepEqual(clients({ ONE_URL: "http://h/v1", ONE_KEY: "" }).address("one").keys, [undefined]);
  });

  test("whose address is not set, or set to nothing, is refused: the message names the variable", () => {
    assert.throws(() => clients({}).address("one"), isUnset);
    assert.throws(() => clients({ ONE_URL: "" }).address("one"), isUnset);
  });

  test("that the settings do not have is refused", () => {
    assert.throws(() => clients({}).address("other"), SluiceError);
  });

  test("has one client for each key, however often it is asked for", async () => {
    const all = clients({ MANY_URL: "http://127.0.0.1:1/v1", KEY_A: "a", KEY_B: "b" });
    const first = all.client("many", "a");
    assert.equal(all.client("many", "a"), first);
    assert.notEqual(all.client("many", "b"), first);
    await all.close();
  });
});
